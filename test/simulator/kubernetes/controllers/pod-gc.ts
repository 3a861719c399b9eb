import type { Cluster } from '../model/cluster.ts';
import { deleteObject } from '../registry/deletion.ts';
import { WorkQueue } from './queue.ts';

/** How long the pods of a deleted node are left (20 s and more in a real cluster). */
const ORPHAN_GRACE_MS = 3_000;

/** Deletes, with force, the pods of nodes that are gone: pkg/controller/podgc. */
export function runPodGc(cluster: Cluster): void {
  const { nodes, pods } = cluster.tables;
  const queue = new WorkQueue(cluster, (node) => {
    if (nodes.get(undefined, node) !== undefined) return;
    for (const { metadata } of pods.by('node', node))
      deleteObject(cluster, pods, metadata.namespace, metadata.name, { gracePeriodSeconds: 0 });
  });
  nodes.subscribe(({ type, object }) => {
    if (type === 'DELETED') queue.addAfter(object.metadata.name, ORPHAN_GRACE_MS);
  });
  pods.subscribe(({ type, object }) => {
    const { nodeName } = object.spec;
    if (type !== 'DELETED' && nodeName !== undefined && nodes.get(undefined, nodeName) === undefined)
      queue.addAfter(nodeName, ORPHAN_GRACE_MS);
  });
}
