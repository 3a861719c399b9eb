import { printable } from '../lib/errors.ts';
import type { RawSettings, SettingValues } from './setting-values.ts';
import { CLUSTER_TAG, type DrainerTags, namedClusters } from './tags.ts';

/** Where the endpoint and the credentials of a cluster come from. */
export type ClusterSource =
  | { readonly kind: 'eks'; readonly name: string; readonly region: string }
  | {
      readonly kind: 'kubeconfig-object';
      readonly bucket: string;
      readonly object: string;
      readonly region: string;
      /** The name of the cluster, where it is part of the key; absent: unknown. */
      readonly name?: string;
    }
  | {
      readonly kind: 'kubeconfig-file';
      readonly path: string;
      /** Absent: the current context of the file. */
      readonly context?: string;
    };

/** What is known of the cluster of an instance before its tags are. */
export type ClusterTemplate =
  | { readonly kind: 'eks'; readonly region: string }
  /** `object` contains `{cluster}`. */
  | { readonly kind: 'kubeconfig-object'; readonly bucket: string; readonly object: string; readonly region: string };

/** The cluster of the settings: a fixed one, or the one that the tags of each instance name (`CLUSTER_NAME=*`). */
export type ConfiguredCluster = ClusterSource | { readonly kind: 'by-tags'; readonly template: ClusterTemplate };

/** The value of CLUSTER_NAME for any cluster, and the part of KUBE_CONFIG_OBJECT that its name replaces. */
const ANY_CLUSTER = '*';
const PLACEHOLDER = '{cluster}';

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html: no dot, at most 100 characters. */
const EKS_NAME = /^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$/;
/** Other clusters have dots in their names. Neither a slash nor `..`: the name must not lead to another path of the bucket. */
const CLUSTER_NAME = /^[0-9A-Za-z](?!.*\.\.)[0-9A-Za-z._-]{0,99}$/;

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
  if (alternative === undefined) return [];
  const [name, key] = [given.text('CLUSTER_NAME'), given.text('KUBE_CONFIG_OBJECT')];
  if (key !== undefined) return placeholderErrors(name, key);
  return name === undefined
    ? [`no cluster given: set CLUSTER_NAME, or KUBE_CONFIG_BUCKET and KUBE_CONFIG_OBJECT${alternative}`]
    : [];
}

/** Half of a discovery would read the same kubeconfig for every cluster, or a key with braces. */
function placeholderErrors(name: string | undefined, key: string): string[] {
  const hasPlaceholder = key.includes(PLACEHOLDER);
  if (hasPlaceholder && name === undefined) {
    return [
      `KUBE_CONFIG_OBJECT contains ${PLACEHOLDER} and requires CLUSTER_NAME: the name of the cluster, or ${ANY_CLUSTER} for the cluster that the tags of the instance name`,
    ];
  }
  if (!hasPlaceholder && name === ANY_CLUSTER) {
    return [`CLUSTER_NAME=${ANY_CLUSTER} requires ${PLACEHOLDER} in KUBE_CONFIG_OBJECT: every cluster has its own key`];
  }
  return [];
}

/** The cluster that the settings name; undefined when they name none. */
export function clusterSourceOf(settings: SettingValues, region: string): ConfiguredCluster | undefined {
  const { KUBE_CONFIG_BUCKET: bucket, KUBE_CONFIG_OBJECT: object, CLUSTER_NAME: name } = settings;
  if (bucket !== undefined && object !== undefined) {
    const template = { kind: 'kubeconfig-object', bucket, object, region } as const;
    return object.includes(PLACEHOLDER) && name !== undefined ? named(template, name) : template;
  }
  return name === undefined ? undefined : named({ kind: 'eks', region }, name);
}

function named(template: ClusterTemplate, name: string): ConfiguredCluster {
  return name === ANY_CLUSTER ? { kind: 'by-tags', template } : sourceOf(template, name);
}

/** @param name checked before: it becomes part of a key, or the name in an EKS request */
function sourceOf(template: ClusterTemplate, name: string): ClusterSource {
  if (template.kind === 'eks') return { ...template, name };
  return { ...template, object: template.object.replaceAll(PLACEHOLDER, name), name };
}

/** Which cluster an instance belongs to. */
export type ClusterResolution =
  | { readonly kind: 'resolved'; readonly cluster: ClusterSource }
  /** Its tags name another cluster than the one that is configured. */
  | { readonly kind: 'other cluster'; readonly reason: string }
  /** Its tags decide, and they name no cluster, or more than one, or nothing that can be the name of one. */
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * The cluster of one instance. With a fixed cluster, an instance without tags may belong to it: its node is looked up. When the
 * tags decide, they have to name exactly one: in a wrong cluster the instance has no node, and its hook is completed.
 * @param tags undefined: EC2 did not say
 */
export function resolveCluster(configured: ConfiguredCluster, tags: DrainerTags | undefined): ClusterResolution {
  const names = tags === undefined ? [] : namedClusters(tags);
  if (configured.kind !== 'by-tags') {
    const name = configured.kind === 'kubeconfig-file' ? undefined : configured.name;
    if (name === undefined || names.length === 0 || names.includes(name)) {
      return { kind: 'resolved', cluster: configured };
    }
    return { kind: 'other cluster', reason: `its tags name ${shown(names)}, not ${name}` };
  }
  const [name, ...others] = names;
  const { template } = configured;
  if (tags === undefined) return { kind: 'unknown', reason: 'its tags are not known' };
  if (name === undefined) return { kind: 'unknown', reason: 'its tags name no cluster' };
  if (others.length > 0) return { kind: 'unknown', reason: `its tags name ${names.length} clusters: ${shown(names)}` };
  // Whoever may tag an instance must not choose what is read from the bucket.
  if (!(template.kind === 'eks' ? EKS_NAME : CLUSTER_NAME).test(name)) {
    return { kind: 'unknown', reason: `its tags name '${printable(name, 100)}', which is not the name of a cluster` };
  }
  return { kind: 'resolved', cluster: sourceOf(template, name) };
}

/** Can tags say whether an instance or a group is of this cluster? Not if only the location of its kubeconfig is known. */
export function hasName(cluster: ConfiguredCluster): boolean {
  switch (cluster.kind) {
    case 'eks':
    case 'by-tags':
      return true;
    case 'kubeconfig-object':
      return cluster.name !== undefined;
    case 'kubeconfig-file':
      return false;
  }
}

/** What to do about an instance whose cluster is unknown. */
export const UNKNOWN_CLUSTER_ADVICE = `set the tag ${CLUSTER_TAG} of the instance, and of its Auto Scaling group, to the name of its cluster`;

const MAX_SHOWN_NAMES = 5;

function shown(names: readonly string[]): string {
  const first = names.slice(0, MAX_SHOWN_NAMES).map((name) => printable(name, 100));
  return names.length > first.length ? `${first.join(', ')} and ${names.length - first.length} more` : first.join(', ');
}

/** The name of a cluster in metrics and summaries: its own, or the location of its kubeconfig; undefined: the tags decide. */
export function clusterNameOf(source: ClusterSource): string;
export function clusterNameOf(source: ConfiguredCluster): string | undefined;
export function clusterNameOf(source: ConfiguredCluster): string | undefined {
  switch (source.kind) {
    case 'eks':
      return source.name;
    case 'kubeconfig-object':
      return source.name ?? `s3://${source.bucket}/${source.object}`;
    case 'kubeconfig-file':
      return source.path;
    case 'by-tags':
      return undefined;
  }
}
