import type { RawSettings, SettingValues } from './setting-values.ts';

/** Where the endpoint and the credentials of a cluster come from. */
export type ClusterSource =
  | { readonly kind: 'eks'; readonly name: string; readonly region: string }
  | { readonly kind: 'kubeconfig-object'; readonly bucket: string; readonly object: string; readonly region: string }
  | { readonly kind: 'kubeconfig-file'; readonly path: string };

/**
 * What is wrong with the settings that name the cluster.
 * @param alternative another way to name it, for people: ', or --kubeconfig'; undefined: it was named that way
 */
export function clusterSourceErrors(given: RawSettings, alternative: string | undefined): string[] {
  const [bucket, object] = [given.has('KUBE_CONFIG_BUCKET'), given.has('KUBE_CONFIG_OBJECT')];
  if (bucket !== object) {
    const [present, missing] = bucket
      ? ['KUBE_CONFIG_BUCKET', 'KUBE_CONFIG_OBJECT']
      : ['KUBE_CONFIG_OBJECT', 'KUBE_CONFIG_BUCKET'];
    return [`${present} requires ${missing}`];
  }
  if (bucket || given.has('CLUSTER_NAME') || alternative === undefined) return [];
  return [`no cluster given: set CLUSTER_NAME, or KUBE_CONFIG_BUCKET and KUBE_CONFIG_OBJECT${alternative}`];
}

/** The cluster that the settings name; undefined when they name none. */
export function clusterSourceOf(settings: SettingValues, region: string): ClusterSource | undefined {
  const { KUBE_CONFIG_BUCKET: bucket, KUBE_CONFIG_OBJECT: object, CLUSTER_NAME: name } = settings;
  if (bucket !== undefined && object !== undefined) return { kind: 'kubeconfig-object', bucket, object, region };
  return name === undefined ? undefined : { kind: 'eks', name, region };
}

/** The name of a cluster in metrics and summaries: its EKS name, or the location of its kubeconfig. */
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
 * Does an instance belong to another EKS cluster? An instance without such tags may belong to any cluster: its node is
 * looked up.
 * @param taggedClusters the clusters that the tags of the instance name
 */
export function isOfOtherCluster(taggedClusters: readonly string[], source: ClusterSource): boolean {
  return source.kind === 'eks' && taggedClusters.length > 0 && !taggedClusters.includes(source.name);
}
