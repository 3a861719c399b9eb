import * as v from 'valibot';
import type { ResponderApi, RespondersEviction } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import type { Report } from '../events.ts';
import type { Clock } from '../lib/clock.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, asDenied, isNotFound } from './errors.ts';
import { type Collection, list, listWatch } from './list-watch.ts';
import { Conditions, Metadata } from './metadata.ts';

/**
 * EvictionRequests and Evictions of `lifecycle.k8s.io/v1alpha1` (KEP-4563, Kubernetes 1.37, feature gate EvictionRequestAPI). A requester
 * creates an EvictionRequest; the control plane makes an Eviction of it, in which one responder after the other gets its turn. An intent
 * of `Withdrawn` cancels it.
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/api/lifecycle/v1alpha1/types.go
 */
const GROUP = '/apis/lifecycle.k8s.io/v1alpha1';
const API_VERSION = 'lifecycle.k8s.io/v1alpha1';

/** As which program the drainer makes requests. The control plane labels the Eviction with it. */
const REQUESTER = 'node-drainer/drain';

/** The control plane's own responder, which evicts as the drainer does, but with a backoff of up to 15 minutes. */
const DEFAULT_RESPONDER = 'imperative-eviction.k8s.io/evictor';

const EvictionObject = v.object({
  metadata: Metadata,
  spec: v.object({ target: v.object({ pod: v.optional(v.object({ uid: v.string() })) }) }),
  status: v.optional(
    v.object({
      conditions: Conditions,
      targetResponders: v.optional(v.nullable(v.array(v.object({ name: v.string(), state: v.string() })))),
      responders: v.optional(
        v.nullable(
          v.array(
            v.object({
              name: v.string(),
              heartbeatTime: v.optional(v.nullable(v.string())),
              completionTime: v.optional(v.nullable(v.string())),
            }),
          ),
        ),
      ),
    }),
  ),
});

/** @throws ValiError when the object is not an Eviction of this API */
export function readEviction(object: unknown): RespondersEviction {
  const { metadata, spec, status } = v.parse(EvictionObject, object);
  const targets = status?.targetResponders ?? [];
  const hasEnded = status?.conditions?.some(
    ({ type, status }) => /^(Failed|TargetEvicted)$/.test(type) && status === 'True',
  );
  const current = targets.find(({ state }) => state === 'Active');
  const isOver =
    hasEnded === true ||
    current?.name === DEFAULT_RESPONDER ||
    (current === undefined && targets.length > 0 && !targets.some(({ state }) => state === 'Inactive'));
  const reported = status?.responders?.find(({ name }) => name === current?.name);
  // The next responder gets its turn soon after this one has completed its own.
  const heartbeat = reported?.completionTime ?? reported?.heartbeatTime;
  return {
    uid: metadata.uid,
    podUid: spec.target.pod?.uid ?? '',
    ...(current !== undefined &&
      !isOver && { active: { name: current.name, ...(typeof heartbeat === 'string' && { heartbeat }) } }),
    isOver,
  };
}

const EVICTIONS: Collection<RespondersEviction> = {
  name: 'evictions of lifecycle.k8s.io',
  path: `${GROUP}/evictions?labelSelector=${encodeURIComponent(REQUESTER)}`,
  read: readEviction,
};

/** The API by which the responders of pods are asked to end them. */
export function responderApi(
  client: KubernetesClient,
  { clock, report }: { readonly clock: Clock; readonly report: Report },
): ResponderApi {
  return {
    async read(signal) {
      try {
        return await list(client, EVICTIONS, undefined, signal);
      } catch (error) {
        // An API group that is not served has no object that could be missing.
        if (error instanceof ApiError && error.code === 404) return undefined;
        throw error;
      }
    },
    observe: (from, sink, signal) => listWatch(client, EVICTIONS, from, sink, { clock, report, signal }),
    request: (pod, signal) => requestEviction(client, pod, signal),
    withdraw: async (pod, signal) => {
      await setIntent(client, pod, 'Withdrawn', signal);
    },
  };
}

/**
 * Requests the eviction of this pod from its responders. The request belongs to the pod: the garbage collector deletes it after the pod,
 * also when this task is killed. Its name has the UID of the pod, so that the next task finds it.
 * @throws Denied, ApiError or ApiUnreachable
 */
async function requestEviction(client: KubernetesClient, pod: Pod, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = pod;
  const body = {
    apiVersion: API_VERSION,
    kind: 'EvictionRequest',
    metadata: { name: nameFor(pod), namespace, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
    spec: { target: { pod: { name, uid } }, requester: REQUESTER, intent: 'Eviction' },
  };
  try {
    await client.call({ verb: 'create', path: pathOf(pod), body, signal });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw asDenied(error);
    // Another task of ours has made it, and may have withdrawn it.
    await setIntent(client, pod, 'Eviction', signal);
  }
}

/** A request that is gone is left alone: so is its pod. */
async function setIntent(
  client: KubernetesClient,
  pod: Pod,
  intent: 'Eviction' | 'Withdrawn',
  signal: AbortSignal,
): Promise<void> {
  const name = nameFor(pod);
  const contentType = 'application/merge-patch+json';
  try {
    await client.call({
      verb: 'patch',
      path: `${pathOf(pod)}/${name}`,
      contentType,
      body: { spec: { intent } },
      signal,
    });
  } catch (error) {
    if (!isNotFound(error, name)) throw asDenied(error);
  }
}

function nameFor({ uid }: Pod): string {
  return `node-drainer-${uid}`;
}

function pathOf({ namespace }: Pod): string {
  return `${GROUP}/namespaces/${namespace}/evictionrequests`;
}
