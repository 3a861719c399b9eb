import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../model/cluster.ts';
import type { DaemonSet, Node } from '../model/objects.ts';
import { keyOf } from '../model/table.ts';
import { isPodReady } from '../registry/budget.ts';
import { deleteObject } from '../registry/deletion.ts';
import { controllerOf, createPod, isFinished, isTerminating, podsOf } from './pods-of.ts';
import { WorkQueue } from './queue.ts';
import { selectsNode, tolerates } from './scheduling.ts';

/** Keeps one pod on each node that the template's selector and tolerations allow; cordoned nodes are tolerated. */
export function runDaemonSets(cluster: Cluster): void {
  const { daemonsets, nodes, pods } = cluster.tables;
  const queue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const found = daemonsets.get(namespace, name);
    if (found !== undefined) reconcile(cluster, found);
  });
  const add = ({ metadata }: DaemonSet): void => queue.add(keyOf(metadata.namespace, metadata.name));
  daemonsets.subscribe(({ object }) => add(object));
  nodes.subscribe(() => daemonsets.list().forEach(add));
  pods.subscribe(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'DaemonSet') queue.add(keyOf(object.metadata.namespace, owner.name));
  });
}

/** The tolerations that the controller adds to every daemon pod: pkg/controller/daemon/util/daemonset_util.go */
const tolerations = [
  ...['not-ready', 'unreachable'].map((name) => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect: 'NoExecute',
  })),
  ...['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map((name) => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect: 'NoSchedule',
  })),
];

function reconcile(cluster: Cluster, set: DaemonSet): void {
  const { daemonsets, nodes, pods } = cluster.tables;
  const mine = podsOf(cluster, set);
  const template = set.spec.template.spec;
  const spec = { ...template, tolerations: [...(template.tolerations ?? []), ...tolerations] };
  const untolerated = (node: Node): string[] =>
    (node.spec.taints ?? []).filter((taint) => !tolerates(spec, taint)).map(({ effect }) => effect);
  const selected = nodes.list().filter((node) => !isTerminating(node) && selectsNode(spec, node));
  const wanted = selected.filter((node) => untolerated(node).every((effect) => effect === 'PreferNoSchedule'));
  // A pod that runs is not sent away by a taint that only keeps new ones off.
  const keeps = selected.filter((node) => !untolerated(node).includes('NoExecute'));
  const revision = { 'controller-revision-hash': '1', 'pod-template-generation': '1' };
  if (!isTerminating(set)) {
    for (const node of wanted) {
      const there = mine.filter((pod) => pod.spec.nodeName === node.metadata.name);
      // Real ones are bound by the scheduler, through a node affinity; the simulator's carry their node's name at once.
      if (there.length === 0)
        createPod(
          cluster,
          set,
          { generateName: `${set.metadata.name}-` },
          { spec: { nodeName: node.metadata.name, tolerations: spec.tolerations }, labels: revision },
        );
      for (const pod of there)
        if (isFinished(pod) && !isTerminating(pod))
          deleteObject(cluster, pods, pod.metadata.namespace, pod.metadata.name);
    }
    for (const pod of mine)
      if (!isTerminating(pod) && !keeps.some((node) => node.metadata.name === pod.spec.nodeName))
        deleteObject(cluster, pods, pod.metadata.namespace, pod.metadata.name);
  }
  const current = daemonsets.get(set.metadata.namespace, set.metadata.name);
  if (current === undefined) return;
  const scheduled = podsOf(cluster, current).filter((pod) => !isTerminating(pod));
  const ready = scheduled.filter(isPodReady).length;
  const status = {
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: 0,
    desiredNumberScheduled: wanted.length,
    numberReady: ready,
    ...(ready === 0 ? {} : { numberAvailable: ready }),
    ...(scheduled.length === 0 ? {} : { updatedNumberScheduled: scheduled.length }),
    observedGeneration: current.metadata.generation ?? 0,
  };
  if (!isDeepStrictEqual(status, current.status)) daemonsets.write({ ...current, status });
}
