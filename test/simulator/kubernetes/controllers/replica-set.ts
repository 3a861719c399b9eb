import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../model/cluster.ts';
import type { Pod, ReplicaSet } from '../model/objects.ts';
import { labelSelectorMatch } from '../model/selector.ts';
import { keyOf } from '../model/table.ts';
import { isPodReady } from '../registry/budget.ts';
import { deleteObject } from '../registry/deletion.ts';
import { controllerOf, createPod, isFinished, isTerminating, orphansOf, ownerReference, podsOf } from './pods-of.ts';
import { WorkQueue } from './queue.ts';

/** Keeps the wanted number of pods that are neither finished nor terminating. */
export function runReplicaSets(cluster: Cluster): void {
  const { pods, replicasets } = cluster.tables;
  const known = new Map<string, string>();
  const queue: WorkQueue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const found = replicasets.get(namespace, name);
    if (found !== undefined) reconcile(cluster, found, queue);
  });
  replicasets.subscribe(({ object }) => {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    known.set(object.metadata.uid, key);
    queue.add(key);
  });
  pods.subscribe(({ object }) => {
    const owner = controllerOf(object);
    const key = owner === undefined ? undefined : known.get(owner.uid);
    if (key !== undefined) queue.add(key);
    // A pod without a controller may be one to adopt.
    if (owner === undefined)
      for (const each of replicasets.by('namespace', object.metadata.namespace ?? ''))
        if (labelSelectorMatch(each.spec.selector)(object.metadata.labels ?? {}))
          queue.add(keyOf(each.metadata.namespace, each.metadata.name));
  });
}

function reconcile(cluster: Cluster, set: ReplicaSet, queue: WorkQueue): void {
  const { pods } = cluster.tables;
  const { namespace = '', name } = set.metadata;
  if (!isTerminating(set)) {
    for (const orphan of orphansOf(cluster, namespace, set.spec.selector))
      pods.write({
        ...orphan,
        metadata: {
          ...orphan.metadata,
          ownerReferences: [...(orphan.metadata.ownerReferences ?? []), ownerReference(set)],
        },
      });
    const active = podsOf(cluster, set).filter((pod) => !isTerminating(pod) && !isFinished(pod));
    const wanted = set.spec.replicas ?? 1;
    for (let count = active.length; count < wanted; count += 1) createPod(cluster, set, { generateName: `${name}-` });
    for (const pod of inDeletionOrder(active).slice(0, Math.max(0, active.length - wanted)))
      deleteObject(cluster, pods, namespace, pod.metadata.name);
  }
  writeStatus(cluster, set, queue);
}

/** Unscheduled, then unready, then the youngest: k8s.io/kubernetes/pkg/controller ActivePods. */
function inDeletionOrder(active: readonly Pod[]): Pod[] {
  const rank = (pod: Pod): number => (pod.spec.nodeName === undefined ? 0 : isPodReady(pod) ? 2 : 1);
  return active.toSorted(
    (a, b) => rank(a) - rank(b) || b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp),
  );
}

function writeStatus(cluster: Cluster, set: ReplicaSet, queue: WorkQueue): void {
  const { replicasets } = cluster.tables;
  const current = replicasets.get(set.metadata.namespace, set.metadata.name);
  if (current === undefined) return;
  const active = podsOf(cluster, current).filter((pod) => !isTerminating(pod) && !isFinished(pod));
  const ready = active.filter(isPodReady);
  const waits = ready.map((pod) => availableInMs(pod, current)).filter((ms) => ms > 0);
  if (waits.length > 0) queue.addAfter(keyOf(set.metadata.namespace, set.metadata.name), Math.min(...waits));
  const available = ready.length - waits.length;
  const status = {
    replicas: active.length,
    ...(active.length === 0 ? {} : { fullyLabeledReplicas: active.length }),
    ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    observedGeneration: current.metadata.generation ?? 0,
  };
  if (!isDeepStrictEqual(status, current.status)) replicasets.write({ ...current, status });
}

/** IsPodAvailable: it has been ready for `minReadySeconds`. */
function availableInMs({ status }: Pod, { spec: { minReadySeconds = 0 } }: ReplicaSet): number {
  if (minReadySeconds === 0) return 0;
  const { lastTransitionTime = '' } = status.conditions?.find(({ type }) => type === 'Ready') ?? {};
  return Date.parse(lastTransitionTime) + minReadySeconds * 1000 - Date.now();
}
