import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { HoldCause, RunEvent, Summary, WaitKind } from '../../app/events.ts';
import { Failure } from '../../app/lib/errors.ts';
import { METRICS } from '../../app/report/metrics.ts';
import { toLogLine } from '../../app/report/wording.ts';
import { holdWith, podsHeld } from '../support/holds.ts';
import { remainingPods } from '../support/remaining.ts';
import { summaryWith, sweepSummaryWith } from '../support/summaries.ts';

const page = await readFile(new URL('../../docs/log-events.md', import.meta.url), 'utf8');

const error = new Failure('no answer', { advice: 'check the security groups' });
const pod = 'shop/web-0';
const uid = 'web-0#1';
const reason = 'budget web allows no disruption';
const hook = 'drainer';
const waitingInstance = { instanceId: 'i-1', group: 'workers' };
/** More than one line lists. */
const remaining = remainingPods(60).map((pod) => ({ ...pod, hold: holdWith() }));
const actionEndsAt = Date.parse('2026-01-02T03:04:05Z');

/** Samples of every event, with all fields. A new event does not compile until it is here, and so in the page. */
const SAMPLES: { readonly [T in RunEvent['type']]: readonly Extract<RunEvent, { type: T }>[] } = {
  'run started': [{ type: 'run started', version: '1.0.0', target: 'i-1', cluster: 'EKS cluster prod', dryRun: false }],
  'action found': [
    {
      type: 'action found',
      cluster: 'prod',
      group: 'workers',
      hooks: [{ name: hook, heartbeatTimeoutSeconds: 300, globalTimeoutSeconds: 30_000 }],
    },
  ],
  'cluster found': [{ type: 'cluster found', cluster: 'prod' }],
  'nothing to do': [{ type: 'nothing to do', reason: 'the instance is gone' }],
  connected: [{ type: 'connected', server: 'https://prod', policyVersion: 'policy/v1' }],
  'node found': [
    { type: 'node found', node: 'node-a', uid: 'n-1', providerID: 'aws:///a/i-1', matchedBy: 'provider ID' },
  ],
  'waiting for capacity': [{ type: 'waiting for capacity', ready: 2, desired: 3 }],
  'waiting for slot': [{ type: 'waiting for slot', running: 3, limit: 3, ahead: 1, reason }],
  'slot taken': [{ type: 'slot taken', slot: 'slot-cluster-0', waitedMs: 1_500 }],
  'waiting for room': [{ type: 'waiting for room', notFitting: 2, reason }],
  cordoned: [{ type: 'cordoned', node: 'node-a', excludedFromLoadBalancers: true }],
  'excluded from load balancers': [{ type: 'excluded from load balancers', node: 'node-a' }],
  'out of service': [{ type: 'out of service', node: 'node-a', state: 'stopped' }],
  'node restored': [{ type: 'node restored', node: 'node-a', changes: ['uncordoned'] }],
  'node deleted': [{ type: 'node deleted', node: 'node-a', waitUntil: actionEndsAt }],
  planned: [{ type: 'planned', toDrain: 12, toSkip: 3 }],
  'dry run decision': [{ type: 'dry run decision', action: 'wait', pod, reason, cause: 'structural' }],
  replanned: [{ type: 'replanned', remaining: () => remaining }],
  'pod skipped': [{ type: 'pod skipped', pod, reason: 'belongs to DaemonSet proxy', lost: false }],
  'pod waiting': [{ type: 'pod waiting', pod, uid, waitReason: 'budget', reason }],
  'hold began': [{ type: 'hold began', cause: 'structural', by: 'budget shop/web' }],
  'pods held': [podsHeld(), podsHeld({ cause: 'transient', needsChange: false })],
  'hold ended': [
    {
      type: 'hold ended',
      cause: 'structural',
      by: 'budget shop/web',
      owner: 'Deployment shop/web',
      heldMs: 60_000,
      reported: true,
    },
  ],
  'eviction requested': [{ type: 'eviction requested', pod, action: 'evict' }],
  'eviction accepted': [{ type: 'eviction accepted', pod }],
  'surge started': [{ type: 'surge started', deployment: 'shop/web', replicas: 1, budgets: ['shop/web'] }],
  'surge finished': [{ type: 'surge finished', deployment: 'shop/web', seconds: 12 }],
  'surge failed': [{ type: 'surge failed', deployment: 'shop/web', seconds: 12, reason: 'it was deleted' }],
  'surge not possible': [{ type: 'surge not possible', workload: 'StatefulSet shop/db', reason: 'it is paused' }],
  'pod gone': [{ type: 'pod gone', pod, reason: 'deleted' }],
  'waiting for pods': [{ type: 'waiting for pods', remaining }],
  'drain still waiting': [
    {
      type: 'drain still waiting',
      minutes: 65,
      group: 'workers',
      remaining: [
        {
          pod,
          uid,
          reason,
          ending: false,
          blocked: true,
          budgets: ['shop/web'],
          owner: 'ReplicaSet shop/web-7f',
          hold: holdWith(),
        },
      ],
    },
  ],
  deadline: [{ type: 'deadline', policy: 'continue', remaining }],
  'action ending soon': [{ type: 'action ending soon', actionEndsAt, remaining }],
  'last resort': [{ type: 'last resort', endsAt: actionEndsAt, remaining }],
  'pod at risk': [{ type: 'pod at risk', pod, uid, reason }],
  'volumes attached': [{ type: 'volumes attached', volumes: ['pv-1'] }],
  'volumes detached': [{ type: 'volumes detached', count: 1 }],
  'volumes still attached': [{ type: 'volumes still attached', volumes: ['pv-1'], waitedMs: 300_000 }],
  'targets registered': [{ type: 'targets registered', targetGroups: ['k8s-shop-web'] }],
  'targets deregistered': [{ type: 'targets deregistered', count: 1 }],
  'targets still registered': [
    { type: 'targets still registered', targetGroups: ['k8s-shop-web'], reason: 'because', waitedMs: 300_000 },
  ],
  heartbeat: [{ type: 'heartbeat', hook }],
  'heartbeat failed': [{ type: 'heartbeat failed', hook, error, failures: 2 }],
  'hook ended': [{ type: 'hook ended', hook }],
  'hook completed': [{ type: 'hook completed', hook, result: 'CONTINUE' }],
  'instance retained': [{ type: 'instance retained', instanceId: 'i-1', group: 'workers' }],
  'retained instance terminated': [{ type: 'retained instance terminated', instanceId: 'i-1', group: 'workers' }],
  'hook not completed': [{ type: 'hook not completed', hook }],
  'hook completion failed': [{ type: 'hook completion failed', hook, result: 'CONTINUE', error }],
  retrying: [{ type: 'retrying', operation: 'watch pods', error, retryInMs: 5_000 }],
  throttled: [{ type: 'throttled', pauseMs: 2_000 }],
  warning: [{ type: 'warning', message: 'EC2 could not describe i-1', error }],
  'run failed': [{ type: 'run failed', error }],
  'handed over': [{ type: 'handed over', task: 'arn:task/2', generation: 1 }],
  'hand-over failed': [{ type: 'hand-over failed', error }],
  summary: [
    { type: 'summary', summary: summaryWith() },
    { type: 'summary', summary: summaryWith({ result: 'failed', exitCode: 1 }) },
  ],
  'sweep started': [{ type: 'sweep started', version: '1.0.0', cluster: 'prod', hook, dryRun: false }],
  'task would start': [{ type: 'task would start', ...waitingInstance }],
  'task started': [{ type: 'task started', ...waitingInstance, task: 'arn:task/1' }],
  'task refused': [{ type: 'task refused', reason: 'AGENT', detail: 'no agent', count: 1, instanceIds: ['i-1'] }],
  'groups without hook': [{ type: 'groups without hook', hook, count: 1, groupNames: ['new'] }],
  'sweep summary': [
    { type: 'sweep summary', cluster: 'prod', summary: sweepSummaryWith() },
    { type: 'sweep summary', cluster: 'prod', summary: sweepSummaryWith({ refused: 1, exitCode: 1 }) },
  ],
};

const SUMMARY_EVENTS: readonly string[] = ['summary', 'sweep summary'];

/** The cells of the table below a heading. */
function tableBelow(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) => row.replace(/^\| | \|$/g, '').split(' | '));
}

/** The words in backquotes. */
const quoted = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

/** The names of all fields, as in `pods[].reason` or `longestBlocked.pod`. The keys of `seconds` and `apiRequests` are open. */
function fieldNames(value: unknown, name = ''): string[] {
  if (name === 'seconds' && typeof value === 'object') return ['seconds.*'];
  if (name === 'apiRequests') return ['apiRequests.*'];
  if (Array.isArray(value)) {
    const [first] = value;
    return typeof first === 'object' ? fieldNames(first, `${name}[]`) : [name];
  }
  if (typeof value !== 'object' || value === null) return [name];
  return Object.entries(value).flatMap(([key, inner]) => fieldNames(inner, name === '' ? key : `${name}.${key}`));
}

/** What the code logs of each event: its levels, and the names of its fields but `event`. */
const logged = Object.entries(SAMPLES).flatMap(([type, samples]) => {
  const lines = samples.map((sample) => toLogLine(sample)).filter((line) => line !== undefined);
  if (lines.length === 0) return [];
  const fields = lines.flatMap((line) => fieldNames(line.fields)).filter((name) => name !== 'event');
  return [{ type, levels: new Set(lines.map(({ level }) => level)), fields: new Set(fields) }];
});

const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

// A query or an alarm for an event that was renamed never matches again, and nobody notices.
test('docs/log-events.md has every event with its level and its fields, in the order of the code', () => {
  const documented = tableBelow('Events').map(([event, level, fields]) => ({
    event: quoted(event).join(),
    level,
    fields: SUMMARY_EVENTS.includes(quoted(event).join()) ? [] : sorted(quoted(fields)),
  }));
  const expected = logged.map(({ type, levels, fields }) => ({
    event: type,
    level: [...levels].join(', '),
    fields: SUMMARY_EVENTS.includes(type) ? [] : sorted(fields),
  }));
  assert.deepEqual(documented, expected);
});

// A field without a unit or a meaning is used for something else than it is.
test('the page explains every field of every event, and no other', () => {
  const fields = logged.filter(({ type }) => !SUMMARY_EVENTS.includes(type)).flatMap(({ fields }) => [...fields]);
  assert.deepEqual(
    tableBelow('Fields').map(([field]) => quoted(field).join()),
    sorted(fields),
  );
});

// The summary is what dashboards are made of.
test('the page explains every field of both summaries, and no other', () => {
  for (const [heading, type] of [
    ['Summary', 'summary'],
    ['Sweep summary', 'sweep summary'],
  ] as const) {
    const fields = logged.filter((event) => event.type === type).flatMap(({ fields }) => [...fields]);
    const documented = tableBelow(heading).flatMap(([field]) => quoted(field));
    assert.deepEqual(sorted(documented), sorted(fields));
    assert.equal(new Set(documented).size, documented.length);
  }
});

// Whoever counts results or wait reasons has to know all of them.
test('the page lists every result, every hook result, every wait reason and every cause', () => {
  const results: Record<Summary['result'], true> = {
    drained: true,
    'no node': true,
    'node missing': true,
    'no pending action': true,
    'instance of another cluster': true,
    'cluster unknown': true,
    'drained by peer': true,
    held: true,
    paused: true,
    'handed over': true,
    'action ended': true,
    deadline: true,
    failed: true,
    bug: true,
    'not terminating': true,
    stopped: true,
    'dry run': true,
  };
  const hookResults: Record<Summary['hook'], true> = {
    CONTINUE: true,
    ABANDON: true,
    'not completed': true,
    failed: true,
    none: true,
  };
  const waitReasons: Record<WaitKind, true> = {
    accepted: true,
    budget: true,
    capacity: true,
    'do-not-disrupt': true,
    'in-flight limit': true,
    priority: true,
    refused: true,
    requested: true,
    returned: true,
    room: true,
    slot: true,
    terminating: true,
    'unread budgets': true,
    'unread responders': true,
    'unread workload': true,
    responder: true,
    spread: true,
    surge: true,
    unverified: true,
  };
  const causes: Record<HoldCause, true> = {
    transient: true,
    structural: true,
    unhealthy: true,
    'several budgets': true,
    webhook: true,
    refused: true,
    finalizer: true,
    kubelet: true,
    'do-not-disrupt': true,
    capacity: true,
    spread: true,
    responder: true,
    volume: true,
    target: true,
    slot: true,
  };
  const meaningOf = (table: string, field: string) =>
    sorted(quoted(tableBelow(table).find(([name]) => quoted(name).join() === field)?.[1]));
  assert.deepEqual(meaningOf('Summary', 'result'), sorted(Object.keys(results)));
  assert.deepEqual(meaningOf('Summary', 'hook'), sorted(Object.keys(hookResults)));
  assert.deepEqual(meaningOf('Fields', 'waitReason'), sorted(Object.keys(waitReasons)));
  assert.deepEqual(meaningOf('Fields', 'cause'), sorted(Object.keys(causes)));
});

// CloudWatch Logs Insights needs backquotes around every other name.
test('fields are in camelCase, and end in their unit where they are a duration', () => {
  for (const { type, fields } of logged) {
    for (const field of fields)
      assert.match(field, /^[a-z][A-Za-z]*(\[\])?(\.([a-z][A-Za-z]*|\*))?$/, `${type}: ${field}`);
    assert.deepEqual(
      [...fields].filter((field) => /(Ms|Millis|Time)$/.test(field)),
      [],
      type,
    );
  }
});

// Fields of log lines and metrics share one JSON object.
test('no field of an event has the name of a metric or of a dimension', () => {
  const taken = new Set([...Object.keys(METRICS), 'Drainer', 'Cluster', 'Group', '_aws', 'level', 'time', 'message']);
  for (const { type, fields } of logged) {
    assert.deepEqual(
      [...fields].filter((field) => taken.has(field)),
      [],
      type,
    );
  }
});
