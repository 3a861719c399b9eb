import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { plainText } from '../../../app/report/lines.ts';
import { toLogLine } from '../../../app/report/wording.ts';
import { holdWith, podsHeld } from '../../support/holds.ts';
import { remainingPods } from '../../support/remaining.ts';
import { summaryWith } from '../../support/summaries.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const summary = summaryWith();

/** The events that report an error. */
function eventsWith(error: unknown): RunEvent[] {
  return [
    { type: 'retrying', operation: 'reach the cluster', error, retryInMs: 1_000 },
    { type: 'warning', message: 'EC2 could not describe i-1', error },
    { type: 'heartbeat failed', hook: 'drainer', error, failures: 1 },
    { type: 'hook completion failed', hook: 'drainer', result: 'CONTINUE', error },
    { type: 'hand-over failed', error },
    { type: 'run failed', error },
  ];
}

// The summary is the line that people search for in the logs of a thousand tasks.
test('the summary is one line with every result in its message, and all fields for machines', () => {
  const line = toLogLine({ type: 'summary', summary });
  assert.equal(
    line?.message,
    'i-0123456789abcdef0: drained in 8.5 s · node node-a · 12 evicted, 3 skipped · blocked for 6.3 s, shop/db-0 for 4.2 s · hook: CONTINUE · exit 0',
  );
  assert.deepEqual(line.fields, { event: 'summary', ...summary });
  assert.equal(line.level, 'info');
  const failed = toLogLine({
    type: 'summary',
    summary: { ...summary, exitCode: 1, result: 'failed', pods: { evicted: 1, skipped: 0, remaining: 4 } },
  });
  assert.equal(failed?.level, 'error');
  assert.match(failed.message, /4 remaining/);
});

// An error object in a log line carries its properties along: requests, headers, credentials.
test('of an error only the message and the advice are logged', () => {
  const error = Object.assign(new Failure('no answer', { advice: 'see the security groups' }), {
    request: { headers: { authorization: 'Bearer s3cr3t' } },
  });
  for (const event of eventsWith(error)) {
    const line = toLogLine(event);
    assert.ok(line !== undefined);
    const logged = JSON.stringify(line);
    assert.match(logged, /no answer/, event.type);
    assert.doesNotMatch(logged, /s3cr3t|authorization/, event.type);
    assert.notEqual(line.level, 'info', event.type);
  }
  assert.equal(toLogLine({ type: 'run failed', error })?.fields['advice'], 'see the security groups');
});

// The action's token completes the hook, and the hook object holds a client with credentials.
test('of a hook only the name and the timeouts are logged', () => {
  const hook = { name: 'drainer', heartbeatTimeoutSeconds: 300, globalTimeoutSeconds: 30_000, token: 's3cr3t' };
  const line = toLogLine({ type: 'action found', cluster: 'prod', group: 'nodes', hooks: [hook] });
  assert.deepEqual(line?.fields, {
    event: 'action found',
    cluster: 'prod',
    group: 'nodes',
    hooks: [{ name: 'drainer', heartbeatTimeoutSeconds: 300, globalTimeoutSeconds: 30_000 }],
  });
});

// CloudWatch Logs cuts events at 256 kB, and a cut line is not JSON.
test('a line lists 50 pods, and counts the omitted ones', () => {
  const line = toLogLine({ type: 'waiting for pods', remaining: remainingPods(1_000) });
  const pods = line?.fields['pods'];
  assert.ok(Array.isArray(pods));
  assert.deepEqual([line?.message, pods.length, line?.fields['omittedPods']], ['waiting for 1000 pods', 50, 950]);
  const one = toLogLine({ type: 'waiting for pods', remaining: remainingPods(1) });
  assert.equal(one?.message, 'waiting for 1 pod');
  assert.deepEqual(one.fields['pods'], [{ pod: 'shop/web-0', reason: 'budget web allows no disruption' }]);
});

// A pod or volume at risk must stand out among a hundred lines of normal progress.
test('pods and volumes at risk are warnings; waiting for them is not', () => {
  const lastResort = toLogLine({ type: 'last resort', endsAt: now, remaining: remainingPods(60) });
  assert.equal(lastResort?.level, 'warn');
  assert.match(
    lastResort.message,
    /^the instance ends at .*Z: ending each remaining pod in time for its grace period$/,
  );
  assert.deepEqual([lastResort.fields['remaining'], lastResort.fields['omittedPods']], [60, 10]);
  const attached = toLogLine({ type: 'volumes still attached', volumes: ['pv-1', 'pv-2'], waitedMs: 300_000 });
  assert.equal(attached?.level, 'warn');
  assert.match(attached.message, /still attached after 300 s.*: pv-1, pv-2$/);
  const normal = [
    toLogLine({ type: 'volumes attached', volumes: ['pv-1'] }),
    toLogLine({ type: 'volumes detached', count: 1 }),
    toLogLine({ type: 'volumes detached', count: 2 }),
    toLogLine({ type: 'waiting for capacity', ready: 2, desired: 3 }),
  ];
  assert.deepEqual(
    normal.map((one) => `${one?.level}: ${one?.message}`),
    [
      'info: waiting for volumes to detach: pv-1',
      'info: 1 volume detached',
      'info: 2 volumes detached',
      'info: waiting for capacity: 2 of 3 nodes of the group are ready',
    ],
  );
});

// A terminal without cursor control shows nothing else.
test('plain text has a line for each event, with the remaining pods or the advice below it, and none for debug events', () => {
  const lines: string[] = [];
  const report = plainText(
    (line) => lines.push(line),
    () => now,
  );
  report({ type: 'eviction requested', pod: 'shop/web-0', action: 'evict' });
  report({ type: 'replanned', remaining: () => [] });
  report({ type: 'pod gone', pod: 'shop/web-0', reason: 'deleted' });
  report({ type: 'waiting for pods', remaining: remainingPods(1) });
  report({ type: 'run failed', error: new Failure('no answer', { advice: 'see the logs' }) });
  assert.deepEqual(lines, [
    '03:04:05 pod shop/web-0: gone: deleted\n',
    '03:04:05 waiting for 1 pod\n',
    '           shop/web-0: budget web allows no disruption\n',
    '03:04:05 error: no answer\n',
    '         see the logs\n',
  ]);
});

// 500 lines every half minute for one budget scroll the reason off the screen.
test('plain text has one line for the pods that one thing holds, and its advice where it is said first', () => {
  const lines: string[] = [];
  const report = plainText(
    (line) => lines.push(line),
    () => now,
  );
  const hold = holdWith();
  const [last] = remainingPods(1, { ending: true });
  const remaining = [
    ...remainingPods(500).map((pod) => ({ ...pod, hold })),
    ...(last ? [{ ...last, pod: 'shop/db-0' }] : []),
  ];
  report({ type: 'hold began', cause: hold.cause, by: hold.by });
  report(podsHeld());
  report({ type: 'waiting for pods', remaining });
  const ended = { type: 'hold ended', cause: hold.cause, by: hold.by, heldMs: 720_000 } as const;
  report({ ...ended, reported: false });
  report({ ...ended, owner: 'Deployment shop/web', reported: true });
  assert.deepEqual(lines, [
    `03:04:05 warn: ${hold.text}\n`,
    `         ${hold.remedy}\n`,
    '03:04:05 waiting for 501 pods\n',
    `           ${hold.text}\n`,
    '           shop/db-0: budget web allows no disruption\n',
    '03:04:05 budget shop/web: no longer holds pods of Deployment shop/web, after 720 s\n',
  ]);
});

// CloudWatch cuts a line at 256 kB, and nobody reads 500 names.
test('the line of a hold names twenty of its pods, and how many there are', () => {
  const pods = Array.from({ length: 500 }, (_, index) => `shop/web-${index}`);
  const line = toLogLine(podsHeld({ pods }));
  assert.equal(line?.level, 'warn');
  assert.deepEqual([line.fields['podCount'], line.fields['podNames']], [500, pods.slice(0, 20)]);
  assert.equal(toLogLine(podsHeld({ cause: 'transient', needsChange: false }))?.level, 'info');
});
