import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { summaryText, sweepText, toLogLine } from '../../../app/report/wording.ts';
import { summaryWith } from '../../support/summaries.ts';

const sweep = {
  groups: 7,
  waiting: 3,
  withTask: 2,
  otherClusters: 0,
  started: 1,
  refused: 0,
  seconds: 1.5,
  exitCode: 0,
};

// "2 pods remaining" does not tell whether they still run. These do not, and somebody will ask which they were.
test('the summary says how many pods were lost, and names the first few; its fields name all', () => {
  const lost = ['shop/a', 'shop/b', 'shop/c', 'shop/d', 'shop/e'];
  const said = (count: number) => summaryText(summaryWith({ lost: lost.slice(0, count) }));
  assert.match(said(5), / · 5 lost: shop\/a, shop\/b, shop\/c and 2 more · /);
  assert.match(said(3), / · 3 lost: shop\/a, shop\/b, shop\/c · /);
  assert.doesNotMatch(said(0), /lost/);
  assert.deepEqual(toLogLine({ type: 'summary', summary: summaryWith({ lost }) })?.fields['lost'], lost);
});

test('heartbeats that failed and time that budgets took are told when there were any', () => {
  const text = (heartbeatsFailed: number) => summaryText(summaryWith({ heartbeatsFailed }));
  assert.match(text(1), / · 1 heartbeat failed · /);
  assert.match(text(2), / · 2 heartbeats failed · /);
  assert.match(text(0), / · blocked for 6\.3 s, shop\/db-0 for 4\.2 s · hook: CONTINUE/);
  assert.doesNotMatch(summaryText(summaryWith({ longestBlocked: undefined, blockedSeconds: 0 })), /blocked|heartbeat/);
});

test('the end of a sweep is one line with what it found and what it did', () => {
  assert.equal(
    sweepText({ ...sweep, groups: 1_200 }),
    '1,200 groups looked at; 3 instances wait in the hook, 2 have a task, 1 started, 0 refused · 1.5 s · exit 0',
  );
  assert.equal(
    sweepText({ ...sweep, groups: 1, waiting: 1, withTask: 1, otherClusters: 4, started: 0 }),
    '1 group looked at; 1 instance waits in the hook, 1 has a task, 4 of other clusters, 0 started, 0 refused · 1.5 s · exit 0',
  );
  const failed = toLogLine({ type: 'sweep summary', cluster: 'prod', summary: { ...sweep, refused: 1, exitCode: 1 } });
  assert.equal(failed?.level, 'error');
  assert.deepEqual(failed.fields, { event: 'sweep summary', cluster: 'prod', ...sweep, refused: 1, exitCode: 1 });
});

// An alarm leads to the log: there the line must say which instance it is about, and what to do.
test('what concerns tasks and actions names them, louder the worse it is', () => {
  const waiting = { instanceId: 'i-1', group: 'workers' };
  const error = new Error('no capacity');
  const events: RunEvent[] = [
    { type: 'task started', ...waiting, task: 'arn:task/1' },
    { type: 'task refused', ...waiting, reason: 'RESOURCE:MEMORY' },
    { type: 'task refused', ...waiting, reason: 'AGENT', detail: 'no agent' },
    { type: 'handed over', task: 'arn:task/2', generation: 2 },
    { type: 'hand-over failed', error },
    { type: 'action ending soon', endsAt: 0, remaining: [] },
    { type: 'pod at risk', pod: 'shop/db-0', uid: 'u', reason: 'budget db allows no disruption' },
  ];
  assert.deepEqual(
    events.map((event) => `${toLogLine(event)?.level}: ${toLogLine(event)?.message}`),
    [
      'info: i-1 of workers: task arn:task/1 started',
      'error: i-1 of workers: no task was started: RESOURCE:MEMORY',
      'error: i-1 of workers: no task was started: AGENT (no agent)',
      'info: task arn:task/2 goes on with the drain (generation 2)',
      'warn: the drain could not be handed over: no capacity',
      'warn: the lifecycle action ends at 1970-01-01T00:00:00.000Z, with 0 pods left',
      'warn: shop/db-0 may be lost: budget db allows no disruption',
    ],
  );
});
