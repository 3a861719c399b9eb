import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Condition } from '../model/metadata.ts';
import type { Node, Pod } from '../model/objects.ts';
import { deleteObject } from '../registry/deletion.ts';
import { isFinished, isTerminating } from './pods-of.ts';

export type PowerTimes = {
  /** How long a silent kubelet is waited for: `--node-monitor-grace-period`. */
  readonly monitorGraceMs?: number;
  /** When the cloud's controller looks whether the instance of a silent kubelet is still there: `--node-monitor-period`. */
  readonly cloudCheckMs?: number;
};

/** 50 s since Kubernetes 1.32, 40 s before: cmd/kube-controller-manager/app/options, KEP-589. */
const MONITOR_GRACE_MS = 50_000;
const CLOUD_CHECK_MS = 5_000;
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const SHUTDOWN = 'node.cloudprovider.kubernetes.io/shutdown';

/** What has become of a machine: the instance is gone, or can come back. */
export type MachineState = 'gone' | 'stopped';

/**
 * Switches off a machine: nothing of it says another word. What follows is the control plane's. After the grace period the
 * node-lifecycle controller sets every condition that the kubelet posted to Unknown, taints the node and marks its pods
 * unready (pkg/controller/nodelifecycle, monitorNodeHealth and MarkPodsNotReady); then the cloud's controller finds that the
 * instance is gone and deletes the node, and pod GC deletes the pods; or it finds that the instance is stopped, and taints the
 * node (k8s.io/cloud-provider/controllers/nodelifecycle).
 * Not simulated: taint-based eviction, which waits for `tolerationSeconds`, 300 by default.
 */
export function powerOff(cluster: Cluster, name: string, machine: MachineState, times: PowerTimes = {}): void {
  const uid = cluster.tables.nodes.get(undefined, name)?.metadata.uid;
  const outage = {};
  cluster.poweredOff.set(name, outage);
  // A node that registers again, after a reboot or under a reused name, has a machine.
  const stop = cluster.tables.nodes.subscribe(({ type, object }) => {
    if (type !== 'ADDED' || object.metadata.name !== name) return;
    cluster.poweredOff.delete(name);
    stop();
  });
  const isStillOff = (): boolean =>
    cluster.poweredOff.get(name) === outage && cluster.tables.nodes.get(undefined, name)?.metadata.uid === uid;
  // The real control plane of version 1.20 that the simulator is compared with runs without these controllers.
  if (uid === undefined || cluster.version === 'v1.20') return;
  cluster.timers.after(times.monitorGraceMs ?? MONITOR_GRACE_MS, () => {
    if (!isStillOff()) return;
    markUnknown(cluster, name);
    cluster.timers.after(times.cloudCheckMs ?? CLOUD_CHECK_MS, () => {
      if (!isStillOff()) return;
      if (machine === 'gone') deleteObject(cluster, cluster.tables.nodes, undefined, name);
      else markShutDown(cluster, name);
    });
  });
}

/**
 * Switches a machine on again. Its kubelet says that the node is ready, ends the pods that were asked to end, whose containers
 * are gone, and starts the containers of the others anew. What else is on the node, a cordon or a label, stays.
 */
export function powerOn(cluster: Cluster, name: string): void {
  const { nodes, pods } = cluster.tables;
  if (!cluster.poweredOff.delete(name)) return;
  const now = timestamp();
  const node = nodes.get(undefined, name);
  if (node !== undefined) nodes.write(ready(node, now));
  for (const pod of pods.by('node', name)) {
    const { namespace, name: podName, uid } = pod.metadata;
    if (isTerminating(pod)) {
      deleteObject(cluster, pods, namespace, podName, { gracePeriodSeconds: 0, preconditions: { uid } });
    } else if (!isFinished(pod)) {
      pods.write(restarted(pod, now));
    }
  }
}

function ready(node: Node, now: string): Node {
  const conditions = (node.status.conditions ?? []).map((condition): Condition => {
    if (condition.status !== 'Unknown') return condition;
    const state = condition.type === 'Ready' ? { status: 'True', reason: 'KubeletReady' } : { status: 'False' };
    return { ...condition, ...state, message: '', lastTransitionTime: now };
  });
  const { taints = [], ...spec } = node.spec;
  const kept = taints.filter(({ key }) => key !== UNREACHABLE && key !== SHUTDOWN);
  return {
    ...node,
    spec: kept.length === 0 ? spec : { ...spec, taints: kept },
    status: { ...node.status, conditions },
  } satisfies Node;
}

function restarted(pod: Pod, now: string): Pod {
  const conditions = (pod.status.conditions ?? []).map((condition) =>
    condition.status === 'True' ? condition : { ...condition, status: 'True', lastTransitionTime: now },
  );
  return { ...pod, status: { ...pod.status, conditions } };
}

function markShutDown(cluster: Cluster, name: string): void {
  const { nodes } = cluster.tables;
  const node = nodes.get(undefined, name);
  if (node === undefined) return;
  const taints = [...(node.spec.taints ?? []), { key: SHUTDOWN, effect: 'NoSchedule', timeAdded: timestamp() }];
  nodes.write({ ...node, spec: { ...node.spec, taints } } satisfies Node);
}

function markUnknown(cluster: Cluster, name: string): void {
  const { nodes, pods } = cluster.tables;
  const node = nodes.get(undefined, name);
  if (node === undefined) return;
  const now = timestamp();
  const unknown = (condition: Condition): Condition =>
    condition.type === 'NetworkUnavailable'
      ? condition
      : {
          ...condition,
          ...{ status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' },
          lastTransitionTime: now,
        };
  const taints = [
    ...(node.spec.taints ?? []).filter(({ key }) => key !== UNREACHABLE),
    ...['NoSchedule', 'NoExecute'].map((effect) => ({ key: UNREACHABLE, effect, timeAdded: now })),
  ];
  nodes.write({
    ...node,
    spec: { ...node.spec, taints },
    status: { ...node.status, conditions: (node.status.conditions ?? []).map(unknown) },
  } satisfies Node);
  for (const pod of pods.by('node', name)) pods.write(unready(pod, now));
}

function unready(pod: Pod, now: string): Pod {
  const conditions = (pod.status.conditions ?? []).map((condition) =>
    condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime: now } : condition,
  );
  return { ...pod, status: { ...pod.status, conditions } };
}
