import type { WaitReason } from './decision.ts';
import type { ObservedResponders } from './observed.ts';
import { isOfDaemonSet, type Pod } from './pod.ts';

/**
 * A pod may name responders: programs that end it better than an eviction does, by a live migration for example
 * (`spec.evictionResponders`). They act when somebody creates an EvictionRequest for the pod.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/4563-eviction-request-api
 */

/** A pod whose responder has not acted by then is evicted as every other pod. */
export const RESPONSE_MS = 20_000;

/** A responder that reports nothing for this long has failed: `ResponderHeartbeatTimeout` of the API. */
export const HEARTBEAT_MS = 1_200_000;

/** What a pod that nothing else holds waits for; `request`: its responders are to be asked now; undefined: for nothing. */
export function respondersTurn(
  pod: Pod,
  observed: ObservedResponders | undefined,
  now: number,
): 'request' | { readonly reason: WaitReason; readonly wakeAt?: number } | undefined {
  const { responders = [] } = pod;
  if (observed === undefined || observed.api === 'off' || responders.length === 0 || isOfDaemonSet(pod))
    return undefined;
  if (observed.api === 'unread') return { reason: { kind: 'unread responders' } };
  const response = observed.responses.get(pod.uid);
  if (response === undefined) return 'request';
  if (response.state === 'over') return undefined;
  const reportedAt = response.state === 'active' ? response.reportedAt : undefined;
  const wakeAt = reportedAt === undefined ? response.at + RESPONSE_MS : reportedAt + HEARTBEAT_MS;
  if (now >= wakeAt) return undefined;
  const name = response.state === 'active' ? response.name : responders.join(', ');
  return { reason: { kind: 'responder', name, hasActed: reportedAt !== undefined, until: wakeAt }, wakeAt };
}
