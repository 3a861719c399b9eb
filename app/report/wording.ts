import { refusalText } from '../drain-task.ts';
import { adviceOf, explain } from '../failure.ts';
import type { DrainEvent } from './event.ts';
import { inSeconds } from './seconds.ts';
import { summaryText, sweepText } from './summary-text.ts';

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
        cluster: event.cluster,
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
      return say('info', `${event.pod} stays: ${event.why}`);
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
      return say(
        'warn',
        `could not ${event.what}, trying again in ${inSeconds(event.inMs)} s: ${explain(event.error)}`,
        {
          what: event.what,
          inSeconds: inSeconds(event.inMs),
        },
      );
    case 'throttled':
      return say('warn', `the API server asks to slow down for ${inSeconds(event.forMs)} s`, {
        forSeconds: inSeconds(event.forMs),
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
        { endsAt: new Date(event.endsAt).toISOString(), ...podsOf(event.remaining) },
      );
    case 'pod at risk':
      return say('warn', `${event.pod} may be lost: ${event.why}`);
    case 'volumes attached':
      return say('info', `waiting for volumes to be detached: ${event.volumes.join(', ')}`);
    case 'volumes detached':
      return say('info', event.count === 1 ? 'its volume is detached' : `its ${event.count} volumes are detached`);
    case 'volumes given up':
      return say(
        'warn',
        `still attached after ${inSeconds(event.afterMs)} s, and no longer waited for: ${event.volumes.join(', ')}`,
        {
          volumes: event.volumes,
          afterSeconds: inSeconds(event.afterMs),
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
    case 'sweep started':
      return say('info', `sweep for ${event.cluster}${event.dryRun ? ', dry run' : ''}`);
    case 'would start':
      return say('info', `would start a task for ${event.instanceId} of ${event.group}`);
    case 'failed':
      return say('error', explain(event.error), { advice: adviceOf(event.error) });
    case 'handed over':
      return say('info', `task ${event.task} goes on with the drain (generation ${event.generation})`);
    case 'hand-over failed':
      return say('warn', `the drain could not be handed over: ${explain(event.error)}`, {
        advice: adviceOf(event.error),
      });
    case 'task started':
      return say('info', `${event.instanceId} of ${event.group}: task ${event.task} started`);
    case 'task refused':
      return say('error', `${event.instanceId} of ${event.group}: no task was started: ${refusalText(event)}`);
    case 'summary':
      return say(event.summary.exitCode === 0 ? 'info' : 'error', summaryText(event.summary), { ...event.summary });
    case 'sweep summary':
      return say(event.summary.exitCode === 0 ? 'info' : 'error', sweepText(event.summary), {
        cluster: event.cluster,
        ...event.summary,
      });
  }
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
