import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Node } from '../model/objects.ts';
import { WorkQueue } from './queue.ts';

const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/**
 * Keeps the taint that says the same as `spec.unschedulable`: a cordoned node is written once more soon after.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-unschedulable
 */
export function runNodeLifecycle(cluster: Cluster): void {
  const { nodes } = cluster.tables;
  const queue = new WorkQueue(cluster, (name) => {
    const node = nodes.get(undefined, name);
    if (node !== undefined && isTainted(node) !== (node.spec.unschedulable === true)) nodes.write(toggled(node));
  });
  nodes.subscribe(({ type, object }) => {
    if (type !== 'DELETED') queue.add(object.metadata.name);
  });
}

function isTainted({ spec }: Node): boolean {
  return (spec.taints ?? []).some(({ key }) => key === UNSCHEDULABLE);
}

function toggled(node: Node): Node {
  const { taints = [], ...spec } = node.spec;
  const next = isTainted(node)
    ? taints.filter(({ key }) => key !== UNSCHEDULABLE)
    : [...taints, { key: UNSCHEDULABLE, effect: 'NoSchedule', timeAdded: timestamp() }];
  return { ...node, spec: next.length === 0 ? spec : { ...spec, taints: next } };
}
