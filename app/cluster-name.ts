import type { ClusterSource } from './config.ts';

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
