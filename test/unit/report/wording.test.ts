import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { plainText } from '../../../app/report/lines.ts';
import { toLogLine } from '../../../app/report/wording.ts';
import { RunTotals } from '../../../app/run/totals.ts';
import { waitingFor } from '../../support/remaining.ts';
import { summaryWith } from '../../support/summaries.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const summary = summaryWith();

/** The events that tell of something that went wrong. */
function troubled(error: unknown): RunEvent[] {
  return [
    { type: 'retrying', what: 'reach the cluster', error, retryInMs: 1_000 },
    { type: 'warning', message: 'EC2 does not tell', error },
    { type: 'heartbeat failed', hook: 'drainer', error, failures: 1 },
    { type: 'hook completion failed', hook: 'drainer', result: 'CONTINUE', error },
    { type: 'run failed', error },
  ];
}

// The summary is what is looked for in the log of a thousand tasks.
test('the summary is one line with everything in it, and its fields for machines', () => {
  const said = toLogLine({ type: 'summary', summary });
  assert.equal(
    said?.message,
    'i-0123456789abcdef0: drained in 8.5 s · node node-a · 12 evicted, 3 stay · blocked for 6.3 s, shop/db-0 for 4.2 s · hook: CONTINUE · exit 0',
  );
  assert.deepEqual(said.fields, { event: 'summary', ...summary });
  assert.equal(said.level, 'info');
  const failed = toLogLine({
    type: 'summary',
    summary: { ...summary, exitCode: 1, result: 'failed', pods: { evicted: 1, skipped: 0, remaining: 4 } },
  });
  assert.equal(failed?.level, 'error');
  assert.match(failed.message, /4 remaining/);
});

// An error object in a log line brings along whatever hangs on it: requests, headers, credentials.
test('of an error only its words are logged, and what it advises', () => {
  const error = Object.assign(new Failure('no answer', { advice: 'see the security groups' }), {
    request: { headers: { authorization: 'Bearer s3cr3t' } },
  });
  for (const event of troubled(error)) {
    const said = toLogLine(event);
    assert.ok(said !== undefined);
    const logged = JSON.stringify(said);
    assert.match(logged, /no answer/, event.type);
    assert.doesNotMatch(logged, /s3cr3t|authorization/, event.type);
    assert.notEqual(said.level, 'info', event.type);
  }
  assert.equal(toLogLine({ type: 'run failed', error })?.fields['advice'], 'see the security groups');
});

// The hook's token completes the action, and the object that beats it holds a client with credentials.
test('of a hook only its name and times are logged', () => {
  const hook = { name: 'drainer', heartbeatTimeoutSeconds: 300, globalTimeoutSeconds: 30_000, token: 's3cr3t' };
  const said = toLogLine({ type: 'action found', cluster: 'prod', group: 'nodes', hooks: [hook] });
  assert.deepEqual(said?.fields, {
    event: 'action found',
    cluster: 'prod',
    group: 'nodes',
    hooks: [{ name: 'drainer', heartbeatTimeoutSeconds: 300, globalTimeoutSeconds: 30_000 }],
  });
});

// CloudWatch cuts an event at 256 kB; a cut JSON line is no JSON line.
test('a line holds 50 pods, and says how many more there are', () => {
  const said = toLogLine({ type: 'waiting for pods', remaining: waitingFor(1_000) });
  const pods = said?.fields['pods'];
  assert.ok(Array.isArray(pods));
  assert.deepEqual([said?.message, pods.length, said?.fields['more']], ['1000 pods remain', 50, 950]);
  const one = toLogLine({ type: 'waiting for pods', remaining: waitingFor(1) });
  assert.equal(one?.message, '1 pod remains');
  assert.deepEqual(one.fields['pods'], [{ pod: 'shop/web-0', reason: 'budget web allows no disruption' }]);
});

// What may be lost must stand out among the hundred lines that say that all is well.
test('what the end of a run may cost is a warning that names it; waiting for it is none', () => {
  const hurried = toLogLine({ type: 'last resort', endsAt: now, remaining: waitingFor(60) });
  assert.equal(hurried?.level, 'warn');
  assert.match(hurried.message, /all that is left is asked at once \(60 pods\)$/);
  assert.deepEqual([hurried.fields['remaining'], hurried.fields['more']], [60, 10]);
  const lost = toLogLine({ type: 'volumes still attached', volumes: ['pv-1', 'pv-2'], afterMs: 300_000 });
  assert.equal(lost?.level, 'warn');
  assert.match(lost.message, /still attached after 300 s.*: pv-1, pv-2$/);
  const said = [
    toLogLine({ type: 'volumes attached', volumes: ['pv-1'] }),
    toLogLine({ type: 'volumes detached', count: 1 }),
    toLogLine({ type: 'volumes detached', count: 2 }),
    toLogLine({ type: 'waiting for capacity', ready: 2, wanted: 3 }),
  ];
  assert.deepEqual(
    said.map((one) => `${one?.level}: ${one?.message}`),
    [
      'info: waiting for volumes to be detached: pv-1',
      'info: its volume is detached',
      'info: its 2 volumes are detached',
      'info: waiting for capacity: 2 of 3 nodes of the group are ready',
    ],
  );
});

test('plain text has a line for each event, with the pods that remain below it, and none for details', () => {
  const lines: string[] = [];
  const report = plainText(
    (line) => lines.push(line),
    () => now,
  );
  report({ type: 'eviction requested', pod: 'shop/web-0', how: 'evict' });
  report({ type: 'replanned', remaining: () => [] });
  report({ type: 'pod gone', pod: 'shop/web-0', proof: 'deleted' });
  report({ type: 'waiting for pods', remaining: waitingFor(1) });
  report({ type: 'run failed', error: new Failure('no answer', { advice: 'see the logs' }) });
  assert.deepEqual(lines, [
    '03:04:05 shop/web-0 is gone: deleted\n',
    '03:04:05 1 pod remains\n',
    '           shop/web-0: budget web allows no disruption\n',
    '03:04:05 error: no answer\n',
    '         see the logs\n',
  ]);
});

// A pod that was gone before it was asked is no eviction of ours; one that stays is none either.
test('the figures count what went because it was asked to, what is left and what remains', () => {
  const tally = new RunTotals();
  const events: RunEvent[] = [
    { type: 'node found', node: 'node-a', uid: 'u', providerID: '', by: 'name' },
    { type: 'heartbeat', hook: 'drainer' },
    { type: 'heartbeat failed', hook: 'drainer', error: new Error('no'), failures: 1 },
    { type: 'heartbeat', hook: 'drainer' },
    { type: 'pod skipped', pod: 'kube-system/agent', reason: 'belongs to DaemonSet agent' },
    { type: 'eviction requested', pod: 'shop/web-0', how: 'evict' },
    { type: 'eviction accepted', pod: 'shop/web-0' },
    { type: 'pod gone', pod: 'shop/web-0', proof: 'deleted' },
    { type: 'pod gone', pod: 'shop/by-itself', proof: 'deleted' },
    { type: 'pod skipped', pod: 'shop/job', reason: 'finished (Succeeded)' },
    { type: 'pod gone', pod: 'shop/job', proof: 'deleted' },
    { type: 'replanned', remaining: () => waitingFor(2) },
  ];
  for (const event of events) tally.record(event, now);
  assert.deepEqual([tally.gone, tally.skipped], [2, 1]);
  assert.deepEqual(tally.totals(now), {
    node: 'node-a',
    pods: { evicted: 1, skipped: 1, remaining: 2 },
    longestBlocked: undefined,
    blockedSeconds: 0,
    heartbeats: 2,
    heartbeatsFailed: 1,
  });
});
