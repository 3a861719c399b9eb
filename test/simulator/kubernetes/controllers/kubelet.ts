import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Condition } from '../model/metadata.ts';
import type { Pod } from '../model/objects.ts';
import { deleteObject } from '../registry/deletion.ts';
import { isFinished, isTerminating } from './pods-of.ts';

/** How long the simulated containers take, unless the annotations `lab/ready-ms` and `lab/shutdown-ms` say otherwise. */
const READY_MS = 20;
const SHUTDOWN_MS = 50;

/**
 * Runs the pods that are bound to nodes, without containers: they become ready, and end some time after they were asked to, or when their
 * grace period is over if that is sooner. `lab/shutdown-ms: never` is a container that cannot be killed. A kubelet whose machine is off
 * does nothing: its pods stay in the API as it reported them last.
 */
export function runKubelet(cluster: Cluster): void {
  const { pods } = cluster.tables;
  const started = new Set<string>();
  const ends = new Map<string, { at: number; cancel: () => void }>();
  pods.subscribe(({ type, object }) => {
    const { uid } = object.metadata;
    if (type === 'DELETED') {
      started.delete(uid);
      ends.get(uid)?.cancel();
      ends.delete(uid);
    } else if (object.spec.nodeName !== undefined) {
      if (isTerminating(object)) endLater(cluster, object, ends);
      else if (!started.has(uid) && object.status.phase === 'Pending') {
        started.add(uid);
        cluster.timers.after(milliseconds(object, 'lab/ready-ms', READY_MS), () => becomeReady(cluster, object));
      }
    }
  });
}

function isPoweredOff({ poweredOff }: Cluster, { spec }: Pod): boolean {
  return poweredOff.has(spec.nodeName ?? '');
}

function milliseconds({ metadata }: Pod, annotation: string, otherwise: number): number {
  const text = metadata.annotations?.[annotation];
  return text === undefined ? otherwise : Number(text);
}

function endLater(cluster: Cluster, pod: Pod, ends: Map<string, { at: number; cancel: () => void }>): void {
  const { uid, name, namespace, annotations = {}, deletionGracePeriodSeconds = 30 } = pod.metadata;
  if (annotations['lab/shutdown-ms'] === 'never') return;
  const ms = Math.min(milliseconds(pod, 'lab/shutdown-ms', SHUTDOWN_MS), deletionGracePeriodSeconds * 1000);
  const known = ends.get(uid);
  const at = Date.now() + ms;
  // A second deletion can shorten the grace period, and never lengthens it.
  if (known !== undefined && known.at <= at) return;
  known?.cancel();
  const end = (): void => {
    const current = cluster.tables.pods.get(namespace, name);
    if (current?.metadata.uid !== uid || isPoweredOff(cluster, current)) return;
    deleteObject(cluster, cluster.tables.pods, namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
  };
  ends.set(uid, { at, cancel: cluster.timers.after(ms, end) });
}

function becomeReady(cluster: Cluster, { metadata: { name, namespace, uid } }: Pod): void {
  const { pods } = cluster.tables;
  const pod = pods.get(namespace, name);
  if (pod?.metadata.uid !== uid || isFinished(pod) || pod.status.phase !== 'Pending') return;
  if (isPoweredOff(cluster, pod)) return;
  const now = timestamp();
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
    (type): Condition => ({ type, status: 'True', lastTransitionTime: now }),
  );
  const containerStatuses = pod.spec.containers.map(({ name: container, image = '' }) => ({
    ...{ name: container, image, imageID: image, ready: true, restartCount: 0 },
    state: { running: { startedAt: now } },
    lastState: {},
  }));
  const status = { ...pod.status, phase: 'Running', startTime: now, podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }] };
  pods.write({ ...pod, status: { ...status, conditions, containerStatuses } });
}
