import * as v from 'valibot';
import { choice, count, onOff, seconds } from './setting-kinds.ts';

/** A lifecycle action ends after 48 hours at most, so no longer wait makes sense. */
const MAX_ACTION_SECONDS = 172_800;

/** The settings that say how a drain treats pods, volumes, load balancers and the hook. */
export const DrainBehaviour = {
  LOAD_BALANCER_EXCLUSION: v.optional(
    choice(
      'when the node is labelled as excluded from external load balancers; end: after its last pod has left, start: with the cordon; if unset, end for an instance and off with --node',
      ['end', 'start', 'off'],
    ),
  ),
  LOAD_BALANCER_SECONDS: v.optional(
    seconds('seconds for which the node stays after it was excluded from load balancers', 0, 3_600),
    '30',
  ),
  WAIT_FOR_TARGETS: v.optional(
    onOff(
      'on: the hook is completed when no target group of the cluster has the instance any longer, which replaces LOAD_BALANCER_SECONDS where it was a target; if unset, on for an instance when the name of its cluster is known; never with --node',
    ),
  ),
  TARGETS_SECONDS: v.optional(
    seconds('maximum seconds of that wait, after the node was excluded from load balancers', 1, 3_600),
    '300',
  ),
  MISSING_NODE: v.optional(
    choice(
      'lifecycle result when the cluster has no node for the instance; auto: continue for an instance younger than 15 minutes, a failed drain for an older one',
      ['auto', 'continue', 'abandon'],
    ),
    'auto',
  ),
  UNPROVEN_NODE: v.optional(
    choice(
      "what to do with a node that has the instance's name or address, but no provider ID or label that proves it; accept: drain it if its internal IP and age fit the instance",
      ['refuse', 'accept'],
    ),
    'refuse',
  ),
  RETAINED: v.optional(
    choice(
      'for groups whose instance lifecycle policy retains instances after ABANDON; finish: the end of the lifecycle action does not end the drain, which continues on the retained instance and terminates it afterwards; ignore: a retained instance is left alone',
      ['ignore', 'finish'],
    ),
    'ignore',
  ),
  ON_FAILURE: v.optional(
    choice('lifecycle result on permanent failure; leave: do not complete the hook', ['leave', 'abandon', 'continue']),
    'leave',
  ),
  VOLUME_DETACH_TIMEOUT_SECONDS: v.optional(
    seconds('seconds to wait for the volumes of drained pods to detach; 0: do not wait', 0, MAX_ACTION_SECONDS),
    '300',
  ),
  DRAIN_DAEMONSETS: v.optional(
    onOff('on: drain DaemonSet pods too, after all other pods; a taint keeps them from returning'),
    'off',
  ),
  DO_NOT_DISRUPT_SECONDS: v.optional(
    seconds(
      'seconds after the start of the drain during which pods annotated as not to be disrupted are not evicted; 0: evict them like other pods',
      0,
      MAX_ACTION_SECONDS,
    ),
    '0',
  ),
  WAIT_FOR_CAPACITY: v.optional(
    choice(
      'before the first eviction, wait; on: until the group has as many ready nodes as its desired capacity, pods: until the pods that leave would roughly fit on other nodes',
      ['on', 'pods', 'off'],
    ),
    'off',
  ),
  WAIT_FOR_CAPACITY_SECONDS: v.optional(
    seconds('maximum seconds of that wait; then the drain starts anyway', 1, MAX_ACTION_SECONDS),
    '600',
  ),
  MAX_CONCURRENT_DRAINS: v.optional(
    count(
      'how many drains may evict pods at the same time; the others wait, in the order of their lifecycle actions; 0: no limit',
      1_000,
    ),
    '0',
  ),
  CONCURRENCY_KEY: v.optional(
    choice('the drains that MAX_CONCURRENT_DRAINS counts together: of the cluster, or of each group or zone', [
      'cluster',
      'group',
      'zone',
    ]),
    'cluster',
  ),
  UNBUDGETED: v.optional(
    choice(
      'ready pods that no budget covers; spread: no more than a quarter of a workload (at least one pod) is missing at a time, and the last ready one goes when another is ready elsewhere; all: they are evicted at once',
      ['spread', 'all'],
    ),
    'spread',
  ),
  SPREAD_SECONDS: v.optional(
    seconds('maximum seconds for which such a pod waits for others of its workload; 0: it does not', 0, 3_600),
    '300',
  ),
  SURGE: v.optional(
    choice(
      'blocked: a Deployment whose budget can never allow an eviction, such as one replica with minAvailable 1, is restarted by its own rolling update if that creates a new pod before it ends an old one; needs infra/kubernetes/surge.yaml',
      ['off', 'blocked'],
    ),
    'off',
  ),
  EVICTION_API: v.optional(
    choice(
      'how pods that name responders (spec.evictionResponders) are evicted; auto: by an EvictionRequest, and as other pods if the API is not served or no responder acts within 20 seconds; policy: as other pods',
      ['auto', 'policy'],
    ),
    'auto',
  ),
  LAST_RESORT_SECONDS: v.optional(
    seconds(
      'margin in seconds: every pod is asked to end this long before its own grace period would reach the end of the lifecycle action, or the deadline',
      0,
      MAX_ACTION_SECONDS,
    ),
    '30',
  ),
  LAST_RESORT: v.optional(
    choice('when a pod has to end by then and its eviction is refused; delete: delete it with its own grace period', [
      'delete',
      'evict',
    ]),
    'delete',
  ),
  FINALIZER_SECONDS: v.optional(
    seconds(
      'seconds to wait for a pod whose containers have all ended and that only finalizers keep',
      0,
      MAX_ACTION_SECONDS,
    ),
    '300',
  ),
  DRAIN_DEADLINE_SECONDS: v.optional(
    seconds(
      'seconds after the start of the drain at which ON_DEADLINE applies; if unset, never',
      1,
      MAX_ACTION_SECONDS,
    ),
  ),
  ON_DEADLINE: v.optional(
    choice(
      'at the deadline of the drain: complete the hook with this result; force: delete the remaining pods, with their grace periods, and continue',
      ['continue', 'abandon', 'force'],
    ),
    'continue',
  ),
};
