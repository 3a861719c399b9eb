import type { RemainingPod, RunEvent } from '../events.ts';
import { toSeconds } from '../lib/clock.ts';
import { adviceOf, explain } from '../lib/errors.ts';
import { refusalText } from '../run/drain-task.ts';
import { firstOf, listText, namesText, podsText, remainText } from './counted.ts';
import { endedText, heldFields, holdsField } from './hold-lines.ts';
import { lettingGo } from './letting-go.ts';
import { summaryText, sweepText } from './summary-text.ts';
import { surgeText } from './surge-text.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type LogLine = {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** An event as a log line: the message for people, the fields for machines (docs/log-events.md). Undefined: not logged. */
export function toLogLine(event: RunEvent): LogLine | undefined {
  const { type, ...own } = event;
  const line = (level: Level, message: string, fields: Record<string, unknown> = own): LogLine => ({
    level,
    message,
    fields: { event: type, ...fields },
  });
  switch (event.type) {
    case 'run started':
      return line('info', `${event.target}: ${event.dryRun ? 'dry run' : 'drain'} started in ${event.cluster}`);
    case 'action found': {
      // Only these fields of a hook: the caller's object also holds the token of the action.
      const hooks = event.hooks.map(({ name, heartbeatTimeoutSeconds, globalTimeoutSeconds }) => ({
        name,
        heartbeatTimeoutSeconds,
        globalTimeoutSeconds,
      }));
      const names = hooks.map(({ name }) => name).join(', ');
      const { cluster, group } = event;
      return line('info', `group ${group}: lifecycle action pending, hook ${names}`, { cluster, group, hooks });
    }
    case 'cluster found':
      return line('info', `cluster ${event.cluster}: named by the tags of the instance`);
    case 'nothing to do':
      return line('info', `nothing to do: ${event.reason}`);
    case 'connected':
      return line('info', `API server ${event.server}: connected`);
    case 'node found':
      return line('info', `node ${event.node}: found by ${event.matchedBy}`);
    case 'waiting for capacity':
      return line('info', `waiting for capacity: ${event.ready} of ${event.desired} nodes of the group are ready`);
    case 'waiting for slot':
      return line('info', event.reason);
    case 'slot taken': {
      const waitedSeconds = toSeconds(event.waitedMs);
      return line('info', `slot ${event.slot}: taken after ${waitedSeconds} s`, { slot: event.slot, waitedSeconds });
    }
    case 'waiting for room':
      return line('info', `waiting for room: ${event.reason}`);
    case 'cordoned': {
      const excluded = event.excludedFromLoadBalancers ? ' and excluded from load balancers' : '';
      return line('info', `node ${event.node}: cordoned${excluded}`);
    }
    case 'excluded from load balancers':
      return line('info', `node ${event.node}: excluded from load balancers`);
    case 'out of service':
      return line('warn', `node ${event.node}: out of service, because EC2 says that its instance is ${event.state}`);
    case 'node restored': {
      const changes = event.changes.length === 0 ? 'nothing to undo' : event.changes.join(', ');
      return line('info', `node ${event.node}: ${changes}`);
    }
    case 'node deleted': {
      const waitUntil = isoTime(event.waitUntil);
      const message = `node ${event.node}: deleted or replaced; looking for the node of the instance until ${waitUntil}`;
      return line('warn', message, { node: event.node, waitUntil });
    }
    case 'planned':
      return line('info', `${podsText(event.toDrain)} to drain, ${event.toSkip} to skip`);
    case 'dry run decision':
      return line('info', `pod ${event.pod}: ${dryRunText(event)}`);

    case 'replanned':
      return undefined;
    case 'pod skipped':
      return line('info', `pod ${event.pod}: skipped: ${event.reason}`);
    case 'pod waiting':
      return line('info', `pod ${event.pod}: waiting: ${event.reason}`);
    case 'hold began':
      return undefined;
    case 'pods held':
      return line(event.hold.needsChange ? 'warn' : 'info', event.hold.text, heldFields(event));
    case 'hold ended': {
      const { cause, by, owner, heldMs } = event;
      const fields = { cause, by, ...(owner !== undefined && { owner }), heldSeconds: toSeconds(heldMs) };
      return event.reported ? line('info', endedText(event), fields) : undefined;
    }
    case 'eviction requested':
      return line('debug', `pod ${event.pod}: ${event.action === 'delete' ? 'deletion' : 'eviction'} requested`);
    case 'eviction accepted':
      return line('info', `pod ${event.pod}: eviction accepted`);
    case 'surge started':
    case 'surge finished':
      return line('info', surgeText(event));
    case 'surge failed':
    case 'surge not possible':
      return line('warn', surgeText(event));
    case 'pod gone':
      return line('info', `pod ${event.pod}: gone: ${event.reason}`);
    case 'waiting for pods':
      return line('info', `waiting for ${podsText(event.remaining.length)}`, remainingFields(event.remaining));

    case 'drain still waiting': {
      const { minutes, group, remaining } = event;
      const blocked = remaining.filter((pod) => pod.blocked);
      const message = `${group === undefined ? '' : `group ${group}: `}the drain still waits after ${minutes} min: ${stillWaitingText(remaining, blocked)}`;
      return line('warn', message, {
        minutes,
        group,
        remaining: remaining.length,
        holds: holdsField(remaining),
        blocked: blocked.slice(0, MAX_LISTED_PODS).map(({ pod, reason, budgets = [], owner }) => ({
          pod,
          reason,
          budgets,
          ...(owner !== undefined && { owner }),
        })),
      });
    }

    case 'deadline': {
      const { policy, remaining } = event;
      return line('warn', `the drain deadline has passed: ${remainText(remaining.length)}, policy ${policy}`, {
        policy,
        ...remainingFields(remaining),
      });
    }
    case 'action ending soon': {
      const actionEndsAt = isoTime(event.actionEndsAt);
      return line('warn', `the lifecycle action ends at ${actionEndsAt}: ${remainText(event.remaining.length)}`, {
        actionEndsAt,
        ...remainingFields(event.remaining),
      });
    }
    case 'last resort': {
      const endsAt = isoTime(event.endsAt);
      const message = `the instance ends at ${endsAt}: ending each remaining pod in time for its grace period`;
      return line('warn', message, {
        endsAt,
        ...remainingFields(event.remaining),
      });
    }
    case 'pod at risk':
      return line('warn', `pod ${event.pod}: has to end now: ${event.reason}`);

    case 'volumes attached':
    case 'volumes detached':
    case 'volumes still attached':
    case 'targets registered':
    case 'targets deregistered':
    case 'targets still registered': {
      const { level, text, fields } = lettingGo(event);
      return line(level, text, fields);
    }

    case 'heartbeat':
      return line('info', `hook ${event.hook}: heartbeat sent`);
    case 'heartbeat failed': {
      const { hook, failures, error } = event;
      return line('warn', `hook ${hook}: heartbeat failed: ${explain(error)}`, { hook, failures });
    }
    case 'hook ended':
      return line('warn', `hook ${event.hook}: no active lifecycle action`);
    case 'hook completed':
      return line('info', `hook ${event.hook}: completed with ${event.result}`);
    case 'instance retained':
      return line(
        'info',
        `instance ${event.instanceId}: retained by group ${event.group}; draining without heartbeats`,
      );
    case 'retained instance terminated':
      return line(
        'info',
        `instance ${event.instanceId}: drained and terminated, after group ${event.group} retained it`,
      );
    case 'hook not completed':
      return line('info', `hook ${event.hook}: not completed`);
    case 'hook completion failed': {
      const { hook, result, error } = event;
      return line('error', `hook ${hook}: could not be completed with ${result}: ${explain(error)}`, {
        hook,
        result,
        advice: adviceOf(error) ?? 'complete it by hand: aws autoscaling complete-lifecycle-action',
      });
    }

    case 'retrying': {
      const { operation, error } = event;
      const retryInSeconds = toSeconds(event.retryInMs);
      return line('warn', `could not ${operation}, retrying in ${retryInSeconds} s: ${explain(error)}`, {
        operation,
        retryInSeconds,
      });
    }
    case 'throttled': {
      const pauseSeconds = toSeconds(event.pauseMs);
      return line('warn', `API server: requests throttled, pausing for ${pauseSeconds} s`, { pauseSeconds });
    }
    case 'warning':
      return line('warn', event.error === undefined ? event.message : `${event.message}: ${explain(event.error)}`, {});
    case 'run failed':
      return line('error', explain(event.error), { advice: adviceOf(event.error) });
    case 'handed over':
      return line('info', `task ${event.task}: continues the drain (generation ${event.generation})`);
    case 'hand-over failed':
      return line('warn', `could not hand over the drain: ${explain(event.error)}`, { advice: adviceOf(event.error) });
    case 'summary':
      return line(levelOfExit(event.summary), summaryText(event.summary), { ...event.summary });

    case 'sweep started':
      return line(
        'info',
        `${event.cluster === undefined ? 'every cluster' : `cluster ${event.cluster}`}: sweep${event.dryRun ? ' (dry run)' : ''} started`,
      );
    case 'task would start':
      return line('info', `${waitingInstance(event)}: would start a task`);
    case 'task started':
      return line('info', `${waitingInstance(event)}: task ${event.task} started`);
    case 'task refused':
      return line(
        'error',
        `ECS started no task for ${namesText(event.count, 'instance', event.instanceIds)}: ${refusalText(event)}`,
      );
    case 'groups without hook': {
      const { hook, count, groupNames } = event;
      const message = `${namesText(count, 'group', groupNames)}: no terminating hook ${hook}; instances are terminated without a drain`;
      return line('warn', message, { ...own, advice: addHookCommand(hook, groupNames[0] ?? 'NAME') });
    }
    case 'sweep summary':
      return line(levelOfExit(event.summary), sweepText(event.summary), { cluster: event.cluster, ...event.summary });
  }
}

function dryRunText({ action, reason }: Extract<RunEvent, { type: 'dry run decision' }>): string {
  switch (action) {
    case 'evict':
      return 'would be evicted';
    case 'skip':
      return `would be skipped: ${reason}`;
    case 'wait':
      return `would wait: ${reason}`;
  }
}

function waitingInstance({ instanceId, group }: { readonly instanceId: string; readonly group: string }): string {
  return `instance ${instanceId} of group ${group}`;
}

function levelOfExit({ exitCode }: { readonly exitCode: number }): Level {
  return exitCode === 0 ? 'info' : 'error';
}

/** A log line lists this many pods: CloudWatch Logs cuts events at 256 kB. */
const MAX_LISTED_PODS = 50;

function remainingFields(remaining: readonly RemainingPod[]): Record<string, unknown> {
  return {
    remaining: remaining.length,
    holds: holdsField(remaining),
    pods: remaining.slice(0, MAX_LISTED_PODS).map(({ pod, reason }) => ({ pod, reason })),
    ...(remaining.length > MAX_LISTED_PODS && { omittedPods: remaining.length - MAX_LISTED_PODS }),
  };
}

/** Who blocks a drain: the budgets, with the owners of their pods. */
function stillWaitingText(remaining: readonly RemainingPod[], blocked: readonly RemainingPod[]): string {
  if (blocked.length === 0) return `${remainText(remaining.length)}, the first is ${remaining[0]?.pod ?? 'unknown'}`;
  const [first] = blocked;
  const budgets = [...new Set(blocked.flatMap((pod) => pod.budgets ?? []))];
  const owners = [...new Set(blocked.map(({ owner }) => owner).filter((owner) => owner !== undefined))];
  const by = budgets.length === 0 ? '' : ` by ${listText('budget', budgets)}`;
  const of = owners.length === 0 ? '' : ` of ${firstOf(owners)}`;
  return `${podsText(blocked.length)}${of} ${blocked.length === 1 ? 'is' : 'are'} blocked${by}, such as ${first?.pod}: ${first?.reason}`;
}

/** https://docs.aws.amazon.com/cli/latest/reference/autoscaling/put-lifecycle-hook.html */
function addHookCommand(hook: string, group: string): string {
  return [
    `add it: aws autoscaling put-lifecycle-hook --auto-scaling-group-name ${shellQuoted(group)}`,
    `--lifecycle-hook-name ${shellQuoted(hook)} --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING`,
    '--heartbeat-timeout 1800 --default-result CONTINUE',
  ].join(' ');
}

/** A name that a person copies into a shell: whoever may create groups chooses it. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
