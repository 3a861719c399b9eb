import { isDeepStrictEqual } from 'node:util';
import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Condition } from '../model/metadata.ts';
import type { Node, Pod } from '../model/objects.ts';
import { keyOf } from '../model/table.ts';
import { isFinished, isTerminating } from './pods-of.ts';
import { WorkQueue } from './queue.ts';
import { obstacle } from './scheduling.ts';

/** Binds pending pods to the node that will take them and has the fewest pods. */
export function runScheduler(cluster: Cluster): void {
  const { nodes, pods } = cluster.tables;
  const unbound = new Set<string>();
  const queue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const pod = pods.get(namespace, name);
    if (pod === undefined || pod.spec.nodeName !== undefined || isTerminating(pod) || isFinished(pod))
      unbound.delete(key);
    else schedule(cluster, pod);
  });
  pods.subscribe(({ object }) => {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    if (object.spec.nodeName === undefined) {
      unbound.add(key);
      queue.add(key);
    } else unbound.delete(key);
  });
  // A node that came, or that takes pods again, may be what a pod waits for.
  nodes.subscribe(() => {
    for (const key of unbound) queue.add(key);
  });
}

function schedule(cluster: Cluster, pod: Pod): void {
  const { nodes, pods } = cluster.tables;
  const all = nodes.list().filter((node) => !isTerminating(node));
  const obstacles = all.map((node) => ({ node, reason: obstacle(pod, node) }));
  const fitting = obstacles.filter(({ reason }) => reason === undefined).map(({ node }) => node);
  const load = (node: Node): number => pods.by('node', node.metadata.name).length;
  const [best] = fitting.map((node) => ({ node, load: load(node) })).sort((a, b) => a.load - b.load);
  const conditions = (pod.status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  if (best !== undefined) {
    const spec = { ...pod.spec, nodeName: best.node.metadata.name };
    const bound: Condition = { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp() };
    pods.write({ ...pod, spec, status: { ...pod.status, conditions: [...conditions, bound] } });
    return;
  }
  const whys = obstacles.map(({ reason = '' }) => reason);
  const counts = [...new Set(whys)].map((reason) => `${whys.filter((each) => each === reason).length} ${reason}`);
  const message = `0/${all.length} nodes are available: ${counts.join(', ')}.`;
  const before = (pod.status.conditions ?? []).find(({ type }) => type === 'PodScheduled');
  const lastTransitionTime = before?.lastTransitionTime ?? timestamp();
  const refused: Condition = {
    type: 'PodScheduled',
    status: 'False',
    lastTransitionTime,
    reason: 'Unschedulable',
    message,
  };
  if (!isDeepStrictEqual(before, refused))
    pods.write({ ...pod, status: { ...pod.status, conditions: [...conditions, refused] } });
}
