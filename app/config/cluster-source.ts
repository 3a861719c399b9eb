import type { RawSettings, SettingValues } from './setting-values.ts';

/** Where a cluster is, and how the drainer proves who it is. */
export type ClusterSource =
  | { readonly kind: 'eks'; readonly name: string; readonly region: string }
  | { readonly kind: 'kubeconfig-object'; readonly bucket: string; readonly object: string; readonly region: string }
  | { readonly kind: 'kubeconfig-file'; readonly path: string };

/**
 * What is wrong with the settings that say which cluster it is.
 * @param orElse another way to say it, for people: ', or --kubeconfig'; undefined: it was said that way
 */
export function clusterSourceErrors(given: RawSettings, orElse: string | undefined): string[] {
  const [bucket, object] = [given.has('KUBE_CONFIG_BUCKET'), given.has('KUBE_CONFIG_OBJECT')];
  if (bucket !== object) return ['KUBE_CONFIG_BUCKET and KUBE_CONFIG_OBJECT go together: one of them is missing'];
  if (bucket || given.has('CLUSTER_NAME') || orElse === undefined) return [];
  return [`nothing says which cluster: give CLUSTER_NAME, or KUBE_CONFIG_BUCKET with KUBE_CONFIG_OBJECT${orElse}`];
}

/** The cluster that the settings name; undefined when they name none. */
export function clusterSourceOf(settings: SettingValues, region: string): ClusterSource | undefined {
  const { KUBE_CONFIG_BUCKET: bucket, KUBE_CONFIG_OBJECT: object, CLUSTER_NAME: name } = settings;
  if (bucket !== undefined && object !== undefined) return { kind: 'kubeconfig-object', bucket, object, region };
  return name === undefined ? undefined : { kind: 'eks', name, region };
}

/** What a cluster is called where many are told apart, as in metrics: its EKS name, or where its kubeconfig is. */
export function clusterNameOf(source: ClusterSource): string {
  switch (source.kind) {
    case 'eks':
      return source.name;
    case 'kubeconfig-object':
      return `s3://${source.bucket}/${source.object}`;
    case 'kubeconfig-file':
      return source.path;
  }
}

/**
 * Does an instance belong to another EKS cluster than this? One whose tags name none may be anybody's: it is ours to look for.
 * @param tagged the clusters that its tags name
 */
export function isOfAnotherCluster(tagged: readonly string[], source: ClusterSource): boolean {
  return source.kind === 'eks' && tagged.length > 0 && !tagged.includes(source.name);
}
