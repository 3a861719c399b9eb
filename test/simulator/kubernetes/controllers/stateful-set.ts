import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../model/cluster.ts';
import type { StatefulSet } from '../model/objects.ts';
import { keyOf } from '../model/table.ts';
import { isPodReady } from '../registry/budget.ts';
import { deleteObject } from '../registry/deletion.ts';
import { controllerOf, createPod, isFinished, isTerminating, podsOf } from './pods-of.ts';
import { WorkQueue } from './queue.ts';

/** Keeps NAME-0, NAME-1, …: each name is used again only after the pod that had it is gone. */
export function runStatefulSets(cluster: Cluster): void {
  const { pods, statefulsets } = cluster.tables;
  const queue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const found = statefulsets.get(namespace, name);
    if (found !== undefined) reconcile(cluster, found);
  });
  statefulsets.subscribe(({ object }) => queue.add(keyOf(object.metadata.namespace, object.metadata.name)));
  pods.subscribe(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'StatefulSet') queue.add(keyOf(object.metadata.namespace, owner.name));
  });
}

function reconcile(cluster: Cluster, set: StatefulSet): void {
  if (!isTerminating(set)) keepReplicas(cluster, set);
  const { statefulsets } = cluster.tables;
  const mine = podsOf(cluster, set);
  const ready = mine.filter((pod) => isPodReady(pod) && !isTerminating(pod)).length;
  const status = {
    replicas: mine.length,
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(mine.length === 0 ? {} : { currentReplicas: mine.length, updatedReplicas: mine.length }),
    ...{ collisionCount: 0, currentRevision: `${set.metadata.name}-1`, updateRevision: `${set.metadata.name}-1` },
    observedGeneration: set.metadata.generation ?? 0,
  };
  if (!isDeepStrictEqual(status, set.status)) statefulsets.write({ ...set, status });
}

function keepReplicas(cluster: Cluster, set: StatefulSet): void {
  const { pods } = cluster.tables;
  const { namespace, name } = set.metadata;
  const replicas = set.spec.replicas ?? 1;
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    const podName = `${name}-${ordinal}`;
    const pod = pods.get(namespace, podName);
    if (pod === undefined) {
      const labels = { 'controller-revision-hash': `${name}-1`, 'statefulset.kubernetes.io/pod-name': podName };
      const { serviceName = '' } = set.spec;
      const spec = { hostname: podName, ...(serviceName === '' ? {} : { subdomain: serviceName }) };
      createPod(cluster, set, { name: podName, generateName: `${name}-` }, { labels, spec });
    } else if (isFinished(pod) && !isTerminating(pod)) deleteObject(cluster, pods, namespace, podName);
    // OrderedReady: the next one waits until this one is running and ready.
    if (!parallel && (pod === undefined || !isPodReady(pod) || isTerminating(pod))) return;
  }
  const surplus = podsOf(cluster, set).filter((pod) => Number(pod.metadata.name.slice(name.length + 1)) >= replicas);
  for (const pod of surplus) if (!isTerminating(pod)) deleteObject(cluster, pods, namespace, pod.metadata.name);
}
