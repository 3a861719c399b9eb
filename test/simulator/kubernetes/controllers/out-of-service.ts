import type { Cluster } from '../model/cluster.ts';
import type { Node, Pod } from '../model/objects.ts';
import { isObject, string } from '../model/shape.ts';
import { deleteObject } from '../registry/deletion.ts';
import { isTerminating } from './pods-of.ts';
import { WorkQueue } from './queue.ts';
import { tolerates } from './scheduling.ts';

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
/** How long the pods of a node out of service are left; up to 20 s in a real cluster (gcCheckPeriod of pkg/controller/podgc). */
const COLLECT_MS = 300;

/**
 * What the control plane does to a node with the taint `node.kubernetes.io/out-of-service`
 * (https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown):
 * - its pods are evicted at once by the effect NoExecute, without regard to budgets (pkg/controller/tainteviction);
 * - once the node is not ready, those that are asked to end are deleted with force (pkg/controller/podgc, gcTerminating);
 * - volumes of which no pod is left are detached although the kubelet says that they are mounted
 *   (pkg/controller/volume/attachdetach/reconciler).
 */
export function runOutOfService(cluster: Cluster): void {
  const { nodes, pods } = cluster.tables;
  const whenOutOfService = (work: (node: Node) => void) => (name: string) => {
    const node = nodes.get(undefined, name);
    if (node !== undefined && isOutOfService(node)) work(node);
  };
  const evictions = new WorkQueue(
    cluster,
    whenOutOfService((node) => evict(cluster, node)),
  );
  const collections = new WorkQueue(
    cluster,
    whenOutOfService((node) => collect(cluster, node)),
  );
  const add = whenOutOfService(({ metadata: { name } }) => {
    evictions.add(name);
    collections.addAfter(name, COLLECT_MS);
  });
  nodes.subscribe(({ object }) => add(object.metadata.name));
  pods.subscribe(({ object }) => add(object.spec.nodeName ?? ''));
}

function isOutOfService({ spec }: Node): boolean {
  return (spec.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);
}

function evict(cluster: Cluster, { metadata, spec }: Node): void {
  const taint = (spec.taints ?? []).find(({ key, effect }) => key === OUT_OF_SERVICE && effect === 'NoExecute');
  if (taint === undefined) return;
  for (const pod of cluster.tables.pods.by('node', metadata.name))
    if (!isTerminating(pod) && !tolerates(pod.spec, taint)) remove(cluster, pod);
}

function collect(cluster: Cluster, { metadata, status }: Node): void {
  const isReady = (status.conditions ?? []).some(({ type, status: state }) => type === 'Ready' && state === 'True');
  if (!isReady)
    for (const pod of cluster.tables.pods.by('node', metadata.name)) if (isTerminating(pod)) remove(cluster, pod, 0);
  detach(cluster, metadata.name);
}

function remove(cluster: Cluster, { metadata }: Pod, gracePeriodSeconds?: number): void {
  const { namespace, name, uid } = metadata;
  deleteObject(cluster, cluster.tables.pods, namespace, name, {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    preconditions: { uid },
  });
}

function detach(cluster: Cluster, node: string): void {
  const { persistentvolumes, pods, volumeattachments } = cluster.tables;
  const inUse = new Set(pods.by('node', node).flatMap(claimsOf));
  for (const { metadata, spec } of volumeattachments.list()) {
    if (spec.nodeName !== node) continue;
    const claim = persistentvolumes.get(undefined, spec.source.persistentVolumeName ?? '')?.spec.claimRef;
    if (claim !== undefined && inUse.has(`${claim.namespace}/${claim.name}`)) continue;
    deleteObject(cluster, volumeattachments, undefined, metadata.name);
  }
}

function claimsOf({ metadata, spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap((volume) => {
    const claim = isObject(volume) ? volume['persistentVolumeClaim'] : undefined;
    const name = isObject(claim) ? claim['claimName'] : undefined;
    return string(name) ? [`${metadata.namespace}/${name}`] : [];
  });
}
