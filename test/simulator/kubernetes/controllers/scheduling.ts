import type { Node, Pod, Taint, Toleration } from '../model/objects.ts';

type Placed = { nodeSelector?: Record<string, string>; tolerations?: Toleration[] };

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
export function tolerates({ tolerations = [] }: Placed, taint: Taint): boolean {
  return tolerations.some(({ key = '', operator = 'Equal', value = '', effect = '' }) => {
    if (effect !== '' && effect !== taint.effect) return false;
    if (key !== '' && key !== taint.key) return false;
    return operator === 'Exists' || (key !== '' && value === (taint.value ?? ''));
  });
}

export function selectsNode({ nodeSelector = {} }: Placed, { metadata }: Node): boolean {
  return Object.entries(nodeSelector).every(([label, value]) => metadata.labels?.[label] === value);
}

/** Why a pod cannot run on a node, in the scheduler's words; undefined when it can. */
export function obstacle({ spec }: Pod, node: Node): string | undefined {
  const unschedulable: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  if (node.spec.unschedulable === true && !tolerates(spec, unschedulable)) return 'node(s) were unschedulable';
  if (!selectsNode(spec, node)) return "node(s) didn't match Pod's node affinity";
  const repelling = (node.spec.taints ?? []).find(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(spec, taint),
  );
  if (repelling === undefined) return undefined;
  return `node(s) had taint {${repelling.key}: ${repelling.value ?? ''}}, that the pod didn't tolerate`;
}
