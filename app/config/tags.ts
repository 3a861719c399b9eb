/** What the tags of an instance, or of an Auto Scaling group, say to the drainer. */
export type DrainerTags = {
  /** The value of `node-drainer/cluster`. It overrides all other tags, and is not validated. */
  readonly namedCluster?: string;
  /** The clusters that the other tags name, which EKS, its node groups and other tools set. Not validated. */
  readonly clusters: readonly string[];
  /** It must not be drained: an operator stops the drain of one instance with `node-drainer/hold`. */
  readonly isHeld?: boolean;
};

export const CLUSTER_TAG = 'node-drainer/cluster';
export const HOLD_TAG = 'node-drainer/hold';

/** The clusters that count: the drainer's own tag wins over all others. */
export function namedClusters({ namedCluster, clusters }: DrainerTags): readonly string[] {
  return namedCluster === undefined ? clusters : [namedCluster];
}

/**
 * Reads the tags that concern the drainer. An empty value names no cluster. EKS sets `aws:eks:cluster-name` and `eks:cluster-name` on the instances of managed
 * node groups, and `kubernetes.io/cluster/NAME` is the tag of nodes that everybody manages himself.
 * https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html#tag-resources-for-billing
 */
export function readTags(tags: Readonly<Record<string, string>>): DrainerTags {
  const names = Object.keys(tags).map((key) => /^kubernetes\.io\/cluster\/(.+)$/.exec(key)?.[1]);
  const clusters = [...names, tags['aws:eks:cluster-name'], tags['eks:cluster-name']].filter(
    (name): name is string => name !== undefined && name !== '',
  );
  const [namedCluster, hold] = [tags[CLUSTER_TAG], tags[HOLD_TAG]];
  return {
    ...(namedCluster && { namedCluster }),
    clusters: [...new Set(clusters)],
    isHeld: hold !== undefined && hold !== 'false',
  };
}
