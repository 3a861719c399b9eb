import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../model/cluster.ts';
import type { Deployment, PodTemplate, ReplicaSet } from '../model/objects.ts';
import { toJson } from '../model/shape.ts';
import { ApiError } from '../model/status.ts';
import { keyOf } from '../model/table.ts';
import { createObject } from '../registry/creation.ts';
import { progressCheckMs, statusOf } from './deployment-status.ts';
import { controllerOf, isTerminating, ownerReference, podsOf } from './pods-of.ts';
import { WorkQueue } from './queue.ts';

const HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';
/** The scale of the Deployment that a ReplicaSet was last scaled for. */
const DESIRED = 'deployment.kubernetes.io/desired-replicas';

/**
 * Rolls Deployments out: a ReplicaSet for each template, and pods that move from the old ones to the new one as the strategy says.
 * Simpler than the real one in two points: a change of scale during a rollout goes to the newest set alone, not to all in
 * proportion, and old sets are never cleaned up.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/deployment_controller.go (syncDeployment)
 */
export function runDeployments(cluster: Cluster): void {
  const { deployments, pods, replicasets } = cluster.tables;
  const queue: WorkQueue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const found = deployments.get(namespace, name);
    if (found !== undefined && !isTerminating(found)) reconcile(cluster, found, queue);
  });
  deployments.subscribe(({ object }) => queue.add(keyOf(object.metadata.namespace, object.metadata.name)));
  replicasets.subscribe(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'Deployment') queue.add(keyOf(object.metadata.namespace, owner.name));
  });
  // Recreate waits until the last old pod is gone.
  pods.subscribe(({ type, object }) => {
    const owner = controllerOf(object);
    if (type !== 'DELETED' || owner?.kind !== 'ReplicaSet') return;
    const set = replicasets.get(object.metadata.namespace, owner.name);
    const parent = set === undefined ? undefined : controllerOf(set);
    if (parent?.kind === 'Deployment') queue.add(keyOf(object.metadata.namespace, parent.name));
  });
}

/** The sets of a Deployment: the one of its current template, and the older ones, oldest first. */
type Sets = { current: ReplicaSet | undefined; old: readonly ReplicaSet[] };

function reconcile(cluster: Cluster, deployment: Deployment, queue: WorkQueue): void {
  const { paused, replicas = 1 } = deployment.spec;
  if (paused === true || isScaled(setsOf(cluster, deployment), replicas)) {
    scaleTo(cluster, setsOf(cluster, deployment), replicas);
  } else if (deployment.spec.strategy?.type === 'Recreate') {
    recreate(cluster, deployment);
  } else {
    rollOut(cluster, deployment);
  }
  writeStatus(cluster, deployment, queue);
}

function setsOf({ tables: { replicasets } }: Cluster, { metadata, spec }: Deployment): Sets {
  const sets = replicasets
    .by('owner', metadata.uid)
    .filter((set) => controllerOf(set)?.uid === metadata.uid)
    .toSorted((a, b) => revisionOf(a) - revisionOf(b));
  const current = sets.find((set) => isDeepStrictEqual(essence(set.spec.template), essence(spec.template)));
  return { current, old: sets.filter((set) => set !== current) };
}

/** EqualIgnoreHash: the template without the hash of the ReplicaSet. Go's empty maps are none. */
function essence({ metadata = {}, spec }: PodTemplate): object {
  const { [HASH]: _, ...labels } = metadata.labels ?? {};
  return { spec, labels, annotations: metadata.annotations ?? {}, finalizers: metadata.finalizers ?? [] };
}

const revisionOf = ({ metadata }: ReplicaSet | Deployment): number => Number(metadata.annotations?.[REVISION] ?? 0);
const wantedOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 1;
const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + count(set), 0);

/** isScalingEvent: an active set was scaled for another scale of the Deployment. */
function isScaled({ current, old }: Sets, replicas: number): boolean {
  return [...(current === undefined ? [] : [current]), ...old].some(
    (set) => wantedOf(set) > 0 && Number(set.metadata.annotations?.[DESIRED] ?? replicas) !== replicas,
  );
}

function scaleTo(cluster: Cluster, { current, old }: Sets, replicas: number): void {
  const active = [...old, ...(current === undefined ? [] : [current])].filter((set) => wantedOf(set) > 0);
  const newest = active.at(-1) ?? current ?? old.at(-1);
  if (newest === undefined) return;
  const others = active.filter((set) => set !== newest);
  const isSaturated = newest === current && newest.status.availableReplicas === replicas;
  for (const set of others) scale(cluster, set, isSaturated ? 0 : wantedOf(set), replicas);
  scale(cluster, newest, isSaturated ? replicas : Math.max(0, replicas - sum(others, wantedOf)), replicas);
}

/** recreate.go: no new pod before the last old one is gone. */
function recreate(cluster: Cluster, deployment: Deployment): void {
  const { replicas = 1 } = deployment.spec;
  const { old } = setsOf(cluster, deployment);
  for (const set of old) scale(cluster, set, 0, replicas);
  if (old.some((set) => podsOf(cluster, set).length > 0)) return;
  const current = currentSet(cluster, deployment, 0);
  if (current !== undefined) scale(cluster, current, replicas, replicas);
}

/** rolling.go: first scales up what is new as far as the surge allows, and else scales down what is old. */
function rollOut(cluster: Cluster, deployment: Deployment): void {
  const { replicas = 1 } = deployment.spec;
  const { maxSurge, maxUnavailable } = limitsOf(deployment);
  const before = sum(setsOf(cluster, deployment).old, wantedOf);
  const first = Math.min(replicas, Math.max(0, replicas + maxSurge - before));
  const current = currentSet(cluster, deployment, first);
  if (current === undefined) return;
  const { old } = setsOf(cluster, deployment);
  const all = [...old, current];
  const wanted = wantedOf(current);
  if (wanted !== replicas) {
    const room = replicas + maxSurge - sum(all, wantedOf);
    const next = wanted > replicas ? replicas : wanted + Math.max(0, Math.min(room, replicas - wanted));
    if (scale(cluster, current, next, replicas)) return;
  }
  scaleDownOld(cluster, old, current, replicas, replicas - maxUnavailable);
}

function scaleDownOld(
  cluster: Cluster,
  old: readonly ReplicaSet[],
  current: ReplicaSet,
  replicas: number,
  minAvailable: number,
): void {
  const availableOf = ({ status }: ReplicaSet) => status.availableReplicas ?? 0;
  const left = new Map(old.map((set) => [set, wantedOf(set)]));
  const take = (set: ReplicaSet, most: number): number => {
    const taken = Math.max(0, Math.min(most, left.get(set) ?? 0));
    left.set(set, (left.get(set) ?? 0) - taken);
    return taken;
  };
  let unhealthy = sum([...old, current], wantedOf) - minAvailable - (wantedOf(current) - availableOf(current));
  if (unhealthy <= 0) return;
  for (const set of old) unhealthy -= take(set, Math.min(unhealthy, wantedOf(set) - availableOf(set)));
  let healthy = sum([...old, current], availableOf) - minAvailable;
  for (const set of old) healthy -= take(set, healthy);
  for (const [set, count] of left) scale(cluster, set, count, replicas);
}

/** ResolveFenceposts: the surge is rounded up, what may be unavailable down, and one of them is never 0. */
export function limitsOf({ spec: { replicas = 1, strategy } }: Deployment): {
  maxSurge: number;
  maxUnavailable: number;
} {
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: replicas };
  const share = (amount: number | string, round: (value: number) => number) =>
    typeof amount === 'number' ? amount : round((Number.parseInt(amount, 10) * replicas) / 100);
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const surge = share(maxSurge, Math.ceil);
  const unavailable = Math.min(replicas, share(maxUnavailable, Math.floor));
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** @returns whether that changed its scale */
function scale(cluster: Cluster, set: ReplicaSet, count: number, replicas: number): boolean {
  const isSame = wantedOf(set) === count;
  if (isSame && set.metadata.annotations?.[DESIRED] === String(replicas)) return false;
  const generation = (set.metadata.generation ?? 0) + (isSame ? 0 : 1);
  const annotations = { ...set.metadata.annotations, [DESIRED]: String(replicas) };
  cluster.tables.replicasets.write({
    ...set,
    metadata: { ...set.metadata, generation, annotations },
    spec: { ...set.spec, replicas: count },
  });
  return !isSame;
}

/** The set of the current template, which is created if there is none; its revision is the highest. */
function currentSet(cluster: Cluster, deployment: Deployment, first: number): ReplicaSet | undefined {
  const { replicasets } = cluster.tables;
  const { current, old } = setsOf(cluster, deployment);
  const revision = String(Math.max(0, ...old.map(revisionOf)) + 1);
  if (current === undefined) return createSet(cluster, deployment, first, revision);
  if (revisionOf(current) >= Number(revision)) return current;
  const annotations = { ...current.metadata.annotations, [REVISION]: revision };
  return replicasets.write({ ...current, metadata: { ...current.metadata, annotations } });
}

function createSet(cluster: Cluster, deployment: Deployment, first: number, revision: string): ReplicaSet | undefined {
  const { replicasets } = cluster.tables;
  const { template, selector, replicas = 1, minReadySeconds } = deployment.spec;
  const { name: parent, namespace } = deployment.metadata;
  const hash = createHash('sha256').update(canonical(template)).digest('hex').slice(0, 9);
  const label = { [HASH]: hash };
  const labels = { ...template.metadata?.labels, ...label };
  const annotations = { [REVISION]: revision, [DESIRED]: String(replicas) };
  const body = toJson({
    metadata: { name: `${parent}-${hash}`, labels, annotations, ownerReferences: [ownerReference(deployment)] },
    spec: {
      replicas: first,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...label } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  });
  try {
    createObject(cluster, replicasets, namespace, body);
    return replicasets.get(namespace, `${parent}-${hash}`);
  } catch (error) {
    // A namespace that is going takes no new ReplicaSet.
    if (!(error instanceof ApiError)) throw error;
    return undefined;
  }
}

/** The same text for equal templates, in whatever order their fields were written. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

/** The status, and with it the revision of the current set, which `kubectl rollout history` reads. */
function writeStatus(cluster: Cluster, { metadata: { namespace, name } }: Deployment, queue: WorkQueue): void {
  const { deployments } = cluster.tables;
  const deployment = deployments.get(namespace, name);
  if (deployment === undefined) return;
  const { current, old } = setsOf(cluster, deployment);
  const limits = limitsOf(deployment);
  const status = statusOf(deployment, current, old, limits.maxUnavailable, Date.now());
  const revision = current?.metadata.annotations?.[REVISION];
  const metadata =
    revision === undefined
      ? deployment.metadata
      : { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [REVISION]: revision } };
  const next = { ...deployment, metadata, status };
  if (!isDeepStrictEqual(next, deployment)) deployments.write(next);
  const checkMs = progressCheckMs(next, Date.now());
  if (checkMs !== undefined) queue.addAfter(keyOf(namespace, name), checkMs);
}
