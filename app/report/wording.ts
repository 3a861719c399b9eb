import { adviceOf, explain } from '../failure.ts';
import type { DrainEvent, Summary, SweepSummary } from './event.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Worded = {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** One line of a log holds this many pods; more would not fit a CloudWatch event. */
const MOST_PODS_A_LINE = 50;

/** An event in words: what a person reads, and the fields that a machine does; undefined when there is nothing to say. */
export function worded(event: DrainEvent): Worded | undefined {
  const { type, ...fields } = event;
  const say = (level: Level, message: string, more: Record<string, unknown> = fields): Worded => ({
    level,
    message,
    fields: { event: type, ...more },
  });
  switch (event.type) {
    case 'started':
      return say('info', `drain of ${event.target} in ${event.cluster}${event.dryRun ? ', dry run' : ''}`);
    case 'action found':
      return say('info', `group ${event.group} waits for ${event.hooks.map(({ name }) => name).join(', ')}`, {
        group: event.group,
        hooks: event.hooks.map(({ name, heartbeatTimeoutSeconds, globalTimeoutSeconds }) => ({
          name,
          heartbeatTimeoutSeconds,
          globalTimeoutSeconds,
        })),
      });
    case 'nothing to do':
      return say('info', `nothing to do: ${event.why}`);
    case 'connected':
      return say('info', `${event.server} answers`);
    case 'node found':
      return say('info', `node ${event.node} found by ${event.by}`);
    case 'cordoned':
      return say(
        'info',
        `node ${event.node} cordoned${event.excludedFromLoadBalancers ? ', and excluded from load balancers' : ''}`,
      );
    case 'planned':
      return say('info', `${count(event.toGo)} to drain, ${event.toStay} to leave`);
    case 'pod left':
      return say('info', `${event.pod} is left: ${event.why}`);
    case 'pod asked':
      return say('debug', `${event.pod}: ${event.how === 'evict' ? 'eviction' : 'deletion'} sent`);
    case 'pod accepted':
      return say('info', `${event.pod} is going`);
    case 'pod waits':
      return say('info', `${event.pod} waits: ${event.why}`);
    case 'pod gone':
      return say('info', `${event.pod} is gone: ${event.proof}`);
    case 'looked':
      return undefined;
    case 'waiting':
      return say(
        'info',
        `${count(event.remaining.length)} remain${event.remaining.length === 1 ? 's' : ''}`,
        podsOf(event.remaining),
      );
    case 'retrying':
      return say('warn', `could not ${event.what}, trying again in ${round(event.inMs)} s: ${explain(event.error)}`, {
        what: event.what,
        inSeconds: round(event.inMs),
      });
    case 'throttled':
      return say('warn', `the API server asks to slow down for ${round(event.forMs)} s`, {
        forSeconds: round(event.forMs),
      });
    case 'warning':
      return say('warn', event.error === undefined ? event.message : `${event.message}: ${explain(event.error)}`, {});
    case 'beat':
      return say('info', `heartbeat for ${event.hook}`);
    case 'beat failed':
      return say('warn', `heartbeat for ${event.hook} failed: ${explain(event.error)}`, {
        hook: event.hook,
        failures: event.failures,
      });
    case 'hook ended':
      return say('warn', `${event.hook} has no active lifecycle action (any more)`);
    case 'action near its end':
      return say(
        'warn',
        `the lifecycle action ends at ${new Date(event.endsAt).toISOString()}, with ${count(event.remaining.length)} left`,
        {
          endsAt: new Date(event.endsAt).toISOString(),
          ...podsOf(event.remaining),
        },
      );
    case 'last resort':
      return say(
        'warn',
        `the lifecycle action is about to end: all that is left is asked at once (${count(event.remaining.length)})`,
        podsOf(event.remaining),
      );
    case 'volumes attached':
      return say('info', `waiting for volumes to be detached: ${event.volumes.join(', ')}`);
    case 'volumes detached':
      return say('info', event.count === 1 ? 'its volume is detached' : `its ${event.count} volumes are detached`);
    case 'volumes given up':
      return say(
        'warn',
        `still attached after ${round(event.afterMs)} s, and no longer waited for: ${event.volumes.join(', ')}`,
        {
          volumes: event.volumes,
          afterSeconds: round(event.afterMs),
        },
      );
    case 'waiting for capacity':
      return say('info', `waiting for capacity: ${event.ready} of ${event.wanted} nodes of the group are ready`);
    case 'deadline':
      return say(
        'warn',
        `the drain deadline has passed with ${count(event.remaining.length)} left; policy: ${event.policy}`,
        {
          policy: event.policy,
          ...podsOf(event.remaining),
        },
      );
    case 'would':
      return say('info', `would ${event.act} ${event.act === 'wait' ? 'for ' : ''}${event.pod}: ${event.why}`);
    case 'hook completed':
      return say('info', `${event.hook} completed with ${event.result}`);
    case 'hook left alone':
      return say('info', `${event.hook} is left alone`);
    case 'completion failed':
      return say('error', `${event.hook} could not be completed with ${event.result}: ${explain(event.error)}`, {
        hook: event.hook,
        result: event.result,
        advice: adviceOf(event.error) ?? 'aws autoscaling complete-lifecycle-action does it by hand',
      });
    case 'handed over':
      return say('info', `handed over to ${event.task}`, { task: event.task, generation: event.generation });
    case 'hand-over failed':
      return say('error', `nobody goes on with this drain until the next sweep: ${explain(event.error)}`, {
        advice: adviceOf(event.error),
      });
    case 'sweep started':
      return say('info', `sweep for ${event.cluster}${event.dryRun ? ', dry run' : ''}`);
    case 'would start':
      return say('info', `would start a task for ${event.instanceId} of ${event.group}`);
    case 'task started':
      return say('warn', `${event.instanceId} of ${event.group} had no task; it has ${event.task} now`);
    case 'task refused':
      return say(
        'error',
        `no task could be started for ${event.instanceId} of ${event.group}: ${event.reason}${event.detail === undefined ? '' : ` (${event.detail})`}`,
        { ...event },
      );
    case 'sweep summary':
      return say(event.summary.exitCode === 0 ? 'info' : 'error', sweepText(event.summary), { ...event.summary });
    case 'failed':
      return say('error', explain(event.error), { advice: adviceOf(event.error) });
    case 'summary':
      return say(event.summary.exitCode === 0 ? 'info' : 'error', summaryText(event.summary), { ...event.summary });
  }
}

/** The run in one line. */
export function summaryText({ result, target, node, pods, longestBlocked, seconds, hook, exitCode }: Summary): string {
  return [
    `${target}: ${result} in ${seconds['total'] ?? 0} s`,
    ...(node === undefined ? [] : [`node ${node}`]),
    `${pods.evicted} evicted, ${pods.left} left${pods.remaining > 0 ? `, ${pods.remaining} remaining` : ''}`,
    ...(longestBlocked === undefined ? [] : [`${longestBlocked.pod} blocked ${longestBlocked.seconds} s`]),
    `hook: ${hook}`,
    `exit ${exitCode}`,
  ].join(' · ');
}

function sweepText({ result, exitCode, found, seconds }: SweepSummary): string {
  if (found === undefined) return `${result} · exit ${exitCode}`;
  const { groups, waiting, covered, elsewhere, started, refused } = found;
  return [
    `${groups} group${groups === 1 ? '' : 's'} looked at in ${seconds} s`,
    `${waiting} instance${waiting === 1 ? '' : 's'} waiting`,
    `${covered} with a task`,
    ...(elsewhere > 0 ? [`${elsewhere} of other clusters`] : []),
    `${started} started`,
    `${refused} refused`,
    `exit ${exitCode}`,
  ].join(' · ');
}

function podsOf(remaining: readonly { pod: string; why: string }[]) {
  return {
    remaining: remaining.length,
    pods: remaining.slice(0, MOST_PODS_A_LINE).map(({ pod, why }) => ({ pod, why })),
    ...(remaining.length > MOST_PODS_A_LINE && { more: remaining.length - MOST_PODS_A_LINE }),
  };
}

function count(pods: number): string {
  return `${pods} pod${pods === 1 ? '' : 's'}`;
}

function round(ms: number): number {
  return Math.round(ms / 100) / 10;
}
