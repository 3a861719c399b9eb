import type { Pod } from './cluster.ts';

const SKIP = { 'cluster.x-k8s.io/drain': 'skip', 'node-drainer/skip': 'true' } as const;
const KARPENTER_TAINT = 'karpenter.sh/disrupted';

/**
 * Is this a pod that is meant to be on the node when its instance goes? What happens to such a pod, and to its volumes, is no
 * harm. The one place for this rule; its sources are docs/pods.md and
 * - mirror pods: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
 * - finished pods: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
 * - DaemonSets: `kubectl drain --ignore-daemonsets`. One of `apps` must still exist; those of other API groups (Kruise) are believed.
 * - marks: https://cluster-api.sigs.k8s.io/reference/api/labels-and-annotations, https://karpenter.sh/docs/concepts/disruption/.
 *   A pod that tolerates everything does not name Karpenter's taint, and is meant to leave.
 *
 * @param daemonSets UIDs of the DaemonSets of the API group `apps` that exist
 * @param daemonSetsLeave the drain under test was told to drain DaemonSets, too
 */
export function staysByDesign(pod: Pod, daemonSets: ReadonlySet<string>, daemonSetsLeave: boolean): boolean {
  const { labels, annotations, ownerReferences } = pod.metadata;
  if (Object.hasOwn(annotations, 'kubernetes.io/config.mirror')) return true;
  if (isFinished(pod)) return true;
  if (Object.entries(SKIP).some(([key, value]) => labels[key] === value || annotations[key] === value)) return true;
  if (pod.spec.tolerations.some(({ key }) => key === KARPENTER_TAINT)) return true;
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner?.kind !== 'DaemonSet') return false;
  const exists = !owner.apiVersion.startsWith('apps/') || daemonSets.has(owner.uid);
  return exists && !daemonSetsLeave;
}

export function isFinished({ status }: Pod): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed';
}
