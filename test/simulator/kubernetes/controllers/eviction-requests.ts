import { isDeepStrictEqual } from 'node:util';
import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Eviction, EvictionRequest, EvictionStatus, TargetResponder } from '../model/lifecycle.ts';
import type { Condition } from '../model/metadata.ts';
import type { Pod } from '../model/objects.ts';
import { toJson } from '../model/shape.ts';
import { createObject } from '../registry/creation.ts';
import { evict } from '../registry/eviction.ts';
import { isFinished } from './pods-of.ts';
import { WorkQueue } from './queue.ts';

/** ResponderHeartbeatTimeout */
const HEARTBEAT_MS = 20 * 60 * 1000;

/** The responder that every pod has after its own: it evicts with a backoff, which begins with this. */
export const DEFAULT_RESPONDER = 'imperative-eviction.k8s.io/evictor';
const EVICTION_RETRY_MS = 1_000;

/**
 * Makes one Eviction of the EvictionRequests for a pod, gives its responders their turns, and tells the requesters how it ended.
 * https://github.com/kubernetes/kubernetes/tree/master/pkg/controller/evictionrequest
 * https://github.com/kubernetes/kubernetes/tree/master/pkg/controller/imperativeevictionresponder
 */
export function runEvictionRequests(cluster: Cluster): void {
  const { evictionrequests, evictions, pods } = cluster.tables;
  const queue = new WorkQueue(cluster, (uid) => sync(cluster, uid, (ms) => queue.addAfter(uid, ms)));
  const evictor = new WorkQueue(cluster, (name) =>
    evictImperatively(cluster, name, (ms) => evictor.addAfter(name, ms)),
  );
  evictionrequests.subscribe(({ object }) => queue.add(object.spec.target.pod.uid));
  pods.subscribe(({ object }) => queue.add(object.metadata.uid));
  evictions.subscribe(({ object, type }) => {
    queue.add(object.spec.target.pod.uid);
    if (type !== 'DELETED') evictor.add(`${object.metadata.namespace}/${object.metadata.name}`);
  });
}

function sync(cluster: Cluster, uid: string, again: (ms: number) => void): void {
  const { evictionrequests, evictions, pods } = cluster.tables;
  const requests = evictionrequests.list().filter(({ spec }) => spec.target.pod.uid === uid);
  const own = evictions.list().filter(({ spec }) => spec.target.pod.uid === uid);
  const [pod] = pods.by('uid', uid);
  const wanted = requests.filter(({ spec, metadata }) => spec.intent === 'Eviction' && !metadata.deletionTimestamp);
  const active = own.find(({ status }) => !hasEnded(status));
  const [first] = wanted;
  if (active !== undefined) progress(cluster, active, pod, requests, wanted, again);
  else if (first !== undefined && pod !== undefined && !isFinished(pod)) create(cluster, pod, requests, own.length + 1);
  else if (first !== undefined && pod === undefined && own.length === 0) {
    const failed = conditionsOf(undefined, 'EvictionInvalid', 'EvictionFailed', true, false);
    for (const request of wanted) setConditions(cluster, request, failed);
  }
  const last = evictions.list().findLast(({ spec }) => spec.target.pod.uid === uid);
  if (last?.status?.conditions !== undefined) {
    for (const { metadata } of requests) {
      const request = evictionrequests.get(metadata.namespace, metadata.name);
      if (request !== undefined) setConditions(cluster, request, last.status.conditions);
    }
  }
}

function create(cluster: Cluster, { metadata, spec }: Pod, requests: readonly EvictionRequest[], count: number): void {
  const { namespace = '', name, uid } = metadata;
  const responders = [...(spec.evictionResponders ?? [])].sort((a, b) => b.priority - a.priority);
  const names = responders.map((responder) => responder.name);
  const labels = Object.fromEntries([
    ...names.map((responder) => [responder, 'responder']),
    ...requests.map((request) => [request.spec.requester, 'requester']),
  ]);
  const ownerReferences = requests.map(({ apiVersion, kind, metadata }) => ({
    ...{ apiVersion, kind, name: metadata.name, uid: metadata.uid },
  }));
  const body = {
    metadata: { name: `pod-${count}-${name}`, labels, ownerReferences },
    spec: { target: { pod: { name, uid } } },
  };
  const created = createObject(cluster, cluster.tables.evictions, namespace, toJson(body));
  const eviction = cluster.tables.evictions.get(namespace, created.metadata.name);
  if (eviction === undefined) return;
  const targetResponders = [...responders, { name: DEFAULT_RESPONDER, priority: 100 }].map(
    ({ name, priority }, index): TargetResponder => ({ name, priority, state: index === 0 ? 'Active' : 'Inactive' }),
  );
  const status: EvictionStatus = {
    conditions: conditionsOf(undefined, 'AwaitingEviction', 'AwaitingEviction', false, false),
    requesters: requests.map(({ spec }) => ({ name: spec.requester, intent: spec.intent })),
    targetResponders,
    responders: targetResponders.map(({ name }, index) => ({ name, ...(index === 0 && { startTime: timestamp() }) })),
  };
  cluster.tables.evictions.write({ ...eviction, status });
}

function progress(
  cluster: Cluster,
  eviction: Eviction,
  pod: Pod | undefined,
  requests: readonly EvictionRequest[],
  wanted: readonly EvictionRequest[],
  again: (ms: number) => void,
): void {
  const { status = {} } = eviction;
  const isGone = pod === undefined || isFinished(pod);
  const isCanceled = wanted.length === 0;
  const targets = [...(status.targetResponders ?? [])];
  const statuses = [...(status.responders ?? [])];
  const index = targets.findIndex(({ state }) => state === 'Active');
  const current = targets[index];
  if (current !== undefined) {
    const { completionTime, heartbeatTime, startTime } = statuses[index] ?? { name: '' };
    const silentMs = Date.now() - Date.parse(heartbeatTime ?? startTime ?? timestamp());
    const state =
      completionTime !== undefined
        ? 'Completed'
        : isGone || silentMs >= HEARTBEAT_MS
          ? 'Interrupted'
          : isCanceled
            ? 'Canceled'
            : 'Active';
    targets[index] = { ...current, state };
    const next = targets[index + 1];
    if (state === 'Active') again(HEARTBEAT_MS - silentMs);
    else if (!isGone && !isCanceled && next !== undefined) {
      targets[index + 1] = { ...next, state: 'Active' };
      statuses[index + 1] = {
        ...(statuses[index + 1] ?? { name: next.name }),
        name: next.name,
        startTime: timestamp(),
      };
    }
  }
  const isExhausted = !targets.some(({ state }) => state === 'Active' || state === 'Inactive');
  const conditions = isGone
    ? conditionsOf(status.conditions, 'Succeeded', pod === undefined ? 'PodDeleted' : 'PodTerminal', false, true)
    : isCanceled
      ? conditionsOf(status.conditions, 'CanceledDueToNoRequesters', 'EvictionFailed', true, false)
      : isExhausted
        ? conditionsOf(status.conditions, 'NoFurtherResponder', 'EvictionFailed', true, false)
        : status.conditions;
  const requesters = requests.map(({ spec }) => ({ name: spec.requester, intent: spec.intent }));
  const next = {
    ...status,
    ...(conditions && { conditions }),
    requesters,
    targetResponders: targets,
    responders: statuses,
  };
  if (!isDeepStrictEqual(next, status)) cluster.tables.evictions.write({ ...eviction, status: next });
}

function hasEnded(status: Eviction['status']): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: state }) => (type === 'Failed' || type === 'TargetEvicted') && state === 'True',
  );
}

function conditionsOf(
  before: readonly Condition[] | undefined,
  failedReason: string,
  evictedReason: string,
  failed: boolean,
  evicted: boolean,
): Condition[] {
  const wanted = [
    { type: 'Failed', status: failed ? 'True' : 'False', reason: failedReason },
    { type: 'TargetEvicted', status: evicted ? 'True' : 'False', reason: evictedReason },
  ];
  return wanted.map((condition) => {
    const same = before?.find(({ type, status }) => type === condition.type && status === condition.status);
    return { ...condition, message: '', lastTransitionTime: same?.lastTransitionTime ?? timestamp() };
  });
}

function setConditions(cluster: Cluster, request: EvictionRequest, conditions: Condition[]): void {
  const observedGeneration = request.metadata.generation ?? 1;
  const status = { conditions, observedGeneration };
  if (!isDeepStrictEqual(status, request.status)) cluster.tables.evictionrequests.write({ ...request, status });
}

/** The default responder: evicts, as budgets allow, until its turn or the pod is over. */
function evictImperatively(cluster: Cluster, key: string, again: (ms: number) => void): void {
  const [namespace = '', name = ''] = key.split('/');
  const eviction = cluster.tables.evictions.get(namespace, name);
  const isActive = eviction?.status?.targetResponders?.some(
    (one) => one.name === DEFAULT_RESPONDER && one.state === 'Active',
  );
  if (eviction === undefined || isActive !== true || hasEnded(eviction.status)) return;
  const { pod } = eviction.spec.target;
  const [target] = cluster.tables.pods.by('uid', pod.uid);
  if (target === undefined || target.metadata.deletionTimestamp !== undefined) return;
  const body = { metadata: { name: pod.name, namespace }, deleteOptions: { preconditions: { uid: pod.uid } } };
  evict(cluster, namespace, pod.name, toJson(body), []).catch(() => again(EVICTION_RETRY_MS));
}
