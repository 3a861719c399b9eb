import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { summaryText, sweepText } from '../../../app/report/summary-text.ts';
import { toLogLine } from '../../../app/report/wording.ts';
import { summaryWith, sweepSummaryWith } from '../../support/summaries.ts';

// "2 remaining" does not say whether the pods still run. Lost pods do not, and their owners ask which they were.
test('the summary counts the lost pods and names three of them; the field names all', () => {
  const lost = ['shop/a', 'shop/b', 'shop/c', 'shop/d', 'shop/e'];
  const text = (count: number) => summaryText(summaryWith({ lost: lost.slice(0, count) }));
  assert.match(text(5), / · 5 lost: shop\/a, shop\/b, shop\/c and 2 more · /);
  assert.match(text(3), / · 3 lost: shop\/a, shop\/b, shop\/c · /);
  assert.doesNotMatch(text(0), /lost/);
  assert.deepEqual(toLogLine({ type: 'summary', summary: summaryWith({ lost }) })?.fields['lost'], lost);
});

// Zeros in every summary hide the one that is not zero.
test('failed heartbeats and time blocked by budgets are in the summary only when there were any', () => {
  const text = (heartbeatsFailed: number) => summaryText(summaryWith({ heartbeatsFailed }));
  assert.match(text(1), / · 1 heartbeat failed · /);
  assert.match(text(2), / · 2 heartbeats failed · /);
  assert.match(text(0), / · blocked for 6\.3 s, shop\/db-0 for 4\.2 s · hook: CONTINUE/);
  assert.doesNotMatch(summaryText(summaryWith({ longestBlocked: undefined, blockedSeconds: 0 })), /blocked|heartbeat/);
});

// The line that people search for when an instance has waited for long.
test('the summary of a sweep is one line with what it found and started', () => {
  assert.equal(
    sweepText(sweepSummaryWith({ groups: 1_200 })),
    '1,200 groups checked: 3 instances waiting, 2 with a task, 1 started, 0 refused · 1.5 s · exit 0',
  );
  assert.equal(
    sweepText(sweepSummaryWith({ groups: 1, waiting: 1, withTask: 1, otherClusters: 4, started: 0 })),
    '1 group checked: 1 instance waiting, 1 with a task, 4 of other clusters, 0 started, 0 refused · 1.5 s · exit 0',
  );
  const found = { retained: 1, recentlyStarted: 2, held: 3, clustersUnknown: 4, groupsWithoutHook: 5 };
  assert.equal(
    sweepText(sweepSummaryWith(found)),
    '7 groups checked (5 without the hook): 3 instances waiting, 2 with a task, 1 retained, 2 started less than 5 min ago, 3 held, 4 of unknown clusters, 1 started, 0 refused · 1.5 s · exit 0',
  );
  const summary = sweepSummaryWith({ refused: 1, exitCode: 1 });
  const failed = toLogLine({ type: 'sweep summary', cluster: 'prod', summary });
  assert.equal(failed?.level, 'error');
  assert.deepEqual(failed.fields, { event: 'sweep summary', cluster: 'prod', ...summary });
});

// An alarm leads to the log, where each line must say which instance, task or pod it is about.
test('messages about tasks, actions and pods name them first, at the level of their severity', () => {
  const waiting = { instanceId: 'i-1', group: 'workers' };
  const error = new Error('no capacity');
  const events: RunEvent[] = [
    { type: 'task started', ...waiting, task: 'arn:task/1' },
    { type: 'task refused', reason: 'RESOURCE:MEMORY', count: 1, instanceIds: ['i-1'] },
    { type: 'task refused', reason: 'AGENT', detail: 'no agent', count: 1_000, instanceIds: ['i-1', 'i-2'] },
    { type: 'groups without hook', hook: 'drainer', count: 2, groupNames: ['workers', 'new'] },
    { type: 'handed over', task: 'arn:task/2', generation: 2 },
    { type: 'hand-over failed', error },
    { type: 'action ending soon', actionEndsAt: 0, remaining: [] },
    { type: 'pod at risk', pod: 'shop/db-0', uid: 'u', reason: 'budget db allows no disruption' },
  ];
  assert.deepEqual(
    events.map((event) => `${toLogLine(event)?.level}: ${toLogLine(event)?.message}`),
    [
      'info: instance i-1 of group workers: task arn:task/1 started',
      'error: ECS started no task for 1 instance (i-1): RESOURCE:MEMORY',
      'error: ECS started no task for 1,000 instances (i-1, i-2 and 998 more): AGENT (no agent)',
      'warn: 2 groups (workers, new): no terminating hook drainer; instances are terminated without a drain',
      'info: task arn:task/2: continues the drain (generation 2)',
      'warn: could not hand over the drain: no capacity',
      'warn: the lifecycle action ends at 1970-01-01T00:00:00.000Z: 0 pods remain',
      'warn: pod shop/db-0: has to end now: budget db allows no disruption',
    ],
  );
});

// Whoever reads the alarm's log has to find out whom to call.
test('a drain that still waits names the group, the budgets and the owners of the pods that they block', () => {
  const waiting = { pod: 'shop/api-1', uid: 'u0', reason: 'terminating', ending: true, blocked: false };
  const blocked = {
    pod: 'shop/web-1',
    uid: 'u1',
    reason: 'budget web allows no disruption',
    ending: false,
    blocked: true,
    budgets: ['shop/web'],
    owner: 'ReplicaSet shop/web-7f9c',
  };
  const line = toLogLine({ type: 'drain still waiting', minutes: 65, group: 'workers', remaining: [waiting, blocked] });
  assert.equal(line?.level, 'warn');
  assert.equal(
    line.message,
    'group workers: the drain still waits after 65 min: 1 pod of ReplicaSet shop/web-7f9c is blocked by budget shop/web, such as shop/web-1: budget web allows no disruption',
  );
  const { pod, reason, budgets, owner } = blocked;
  assert.deepEqual(line.fields['blocked'], [{ pod, reason, budgets, owner }]);
  const free = toLogLine({ type: 'drain still waiting', minutes: 12, group: undefined, remaining: [waiting] });
  assert.equal(free?.message, 'the drain still waits after 12 min: 1 pod remains, the first is shop/api-1');
});

// Somebody who is told that a hook is missing has to look up four flags.
test('the advice about groups without the hook is the command that adds it', () => {
  const line = toLogLine({ type: 'groups without hook', hook: 'drainer', count: 1, groupNames: ['new'] });
  assert.equal(
    line?.fields['advice'],
    "add it: aws autoscaling put-lifecycle-hook --auto-scaling-group-name 'new' --lifecycle-hook-name 'drainer' --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING --heartbeat-timeout 1800 --default-result CONTINUE",
  );
});
