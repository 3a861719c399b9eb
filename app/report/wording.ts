import type { RunEvent, Summary, SweepSummary } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';
import { adviceOf, explain } from '../lib/errors.ts';
import { refusalText } from '../run/drain-task.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type LogLine = {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** One line of a log holds this many pods; more would not fit a CloudWatch event. */
const MOST_PODS_A_LINE = 50;

/** An event in words: what a person reads, and the fields that a machine does; undefined when there is nothing to say. */
export function toLogLine(event: RunEvent): LogLine | undefined {
  const { type, ...fields } = event;
  const say = (level: Level, message: string, more: Record<string, unknown> = fields): LogLine => ({
    level,
    message,
    fields: { event: type, ...more },
  });
  switch (event.type) {
    case 'run started':
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
      return say('info', `nothing to do: ${event.reason}`);
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
      return say('info', `${count(event.toDrain)} to drain, ${event.toSkip} to leave`);
    case 'pod skipped':
      return say('info', `${event.pod} stays: ${event.reason}`);
    case 'eviction requested':
      return say('debug', `${event.pod}: ${event.how === 'evict' ? 'eviction' : 'deletion'} sent`);
    case 'eviction accepted':
      return say('info', `${event.pod} is going`);
    case 'pod waiting':
      return say('info', `${event.pod} waits: ${event.reason}`);
    case 'pod gone':
      return say('info', `${event.pod} is gone: ${event.proof}`);
    case 'replanned':
      return undefined;
    case 'waiting for pods':
      return say(
        'info',
        `${count(event.remaining.length)} remain${event.remaining.length === 1 ? 's' : ''}`,
        podsOf(event.remaining),
      );
    case 'retrying':
      return say(
        'warn',
        `could not ${event.what}, trying again in ${toSeconds(event.retryInMs)} s: ${explain(event.error)}`,
        {
          what: event.what,
          inSeconds: toSeconds(event.retryInMs),
        },
      );
    case 'throttled':
      return say('warn', `the API server asks to slow down for ${toSeconds(event.pauseMs)} s`, {
        forSeconds: toSeconds(event.pauseMs),
      });
    case 'warning':
      return say('warn', event.error === undefined ? event.message : `${event.message}: ${explain(event.error)}`, {});
    case 'heartbeat':
      return say('info', `heartbeat for ${event.hook}`);
    case 'heartbeat failed':
      return say('warn', `heartbeat for ${event.hook} failed: ${explain(event.error)}`, {
        hook: event.hook,
        failures: event.failures,
      });
    case 'hook ended':
      return say('warn', `${event.hook} has no active lifecycle action (any more)`);
    case 'action ending soon':
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
      return say('warn', `${event.pod} may be lost: ${event.reason}`);
    case 'volumes attached':
      return say('info', `waiting for volumes to be detached: ${event.volumes.join(', ')}`);
    case 'volumes detached':
      return say('info', event.count === 1 ? 'its volume is detached' : `its ${event.count} volumes are detached`);
    case 'volumes still attached':
      return say(
        'warn',
        `still attached after ${toSeconds(event.afterMs)} s, and no longer waited for: ${event.volumes.join(', ')}`,
        {
          volumes: event.volumes,
          afterSeconds: toSeconds(event.afterMs),
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
    case 'dry run decision':
      return say('info', `would ${event.action} ${event.action === 'wait' ? 'for ' : ''}${event.pod}: ${event.reason}`);
    case 'hook completed':
      return say('info', `${event.hook} completed with ${event.result}`);
    case 'hook not completed':
      return say('info', `${event.hook} is left alone`);
    case 'hook completion failed':
      return say('error', `${event.hook} could not be completed with ${event.result}: ${explain(event.error)}`, {
        hook: event.hook,
        result: event.result,
        advice: adviceOf(event.error) ?? 'aws autoscaling complete-lifecycle-action does it by hand',
      });
    case 'sweep started':
      return say('info', `sweep for ${event.cluster}${event.dryRun ? ', dry run' : ''}`);
    case 'task would start':
      return say('info', `would start a task for ${event.instanceId} of ${event.group}`);
    case 'run failed':
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

function podsOf(remaining: readonly { pod: string; reason: string }[]) {
  return {
    remaining: remaining.length,
    pods: remaining.slice(0, MOST_PODS_A_LINE).map(({ pod, reason }) => ({ pod, reason })),
    ...(remaining.length > MOST_PODS_A_LINE && { more: remaining.length - MOST_PODS_A_LINE }),
  };
}

function count(pods: number): string {
  return `${pods} pod${pods === 1 ? '' : 's'}`;
}

/** The message names this many of the pods that were lost; the field `lost` names all. */
const MOST_NAMES = 3;

/** The run in one line. */
export function summaryText(summary: Summary): string {
  const { result, target, node, pods, lost, heartbeatsFailed, seconds, hook, exitCode } = summary;
  return [
    `${target}: ${result} in ${Math.round((seconds['total'] ?? 0) * 10) / 10} s`,
    ...(node === undefined ? [] : [`node ${node}`]),
    `${pods.evicted} evicted, ${skippedText(pods.skipped)}${pods.remaining > 0 ? `, ${pods.remaining} remaining` : ''}`,
    ...(lost.length === 0 ? [] : [lostText(lost)]),
    ...blockedText(summary),
    ...(heartbeatsFailed === 0 ? [] : [`${heartbeatsFailed} heartbeat${heartbeatsFailed === 1 ? '' : 's'} failed`]),
    `hook: ${hook}`,
    `exit ${exitCode}`,
  ].join(' · ');
}

/** Not "left": that is what remains to be done, too. */
export function skippedText(pods: number): string {
  return `${pods} ${pods === 1 ? 'stays' : 'stay'}`;
}

/** The sweep in one line. */
export function sweepText(summary: SweepSummary): string {
  const { groups, waiting, withTask, otherClusters, started, refused, seconds, exitCode } = summary;
  const found = [
    `${grouped(waiting)} instance${waiting === 1 ? ' waits' : 's wait'} in the hook`,
    `${grouped(withTask)} ${withTask === 1 ? 'has' : 'have'} a task`,
    ...(otherClusters === 0 ? [] : [`${grouped(otherClusters)} of other clusters`]),
    `${grouped(started)} started`,
    `${grouped(refused)} refused`,
  ].join(', ');
  return `${grouped(groups)} group${groups === 1 ? '' : 's'} looked at; ${found} · ${seconds} s · exit ${exitCode}`;
}

function lostText(lost: readonly string[]): string {
  const more = lost.length - MOST_NAMES;
  return `${lost.length} lost: ${lost.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function blockedText({ blockedSeconds, longestBlocked }: Summary): string[] {
  if (longestBlocked === undefined) return [];
  return [`blocked for ${blockedSeconds} s, ${longestBlocked.pod} for ${longestBlocked.seconds} s`];
}

/** `1200` → `1,200` */
function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
