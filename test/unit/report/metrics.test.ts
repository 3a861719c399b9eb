import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent, Summary } from '../../../app/events.ts';
import { METRICS, metricsOf, NAMESPACE } from '../../../app/report/metrics.ts';
import { toLogLine } from '../../../app/report/wording.ts';
import { extract } from '../../support/emf.ts';
import { podsHeld } from '../../support/holds.ts';
import { summaryWith, sweepSummaryWith } from '../../support/summaries.ts';

const now = Date.parse('2026-01-02T03:04:05.678Z');
const WORKERS = { cluster: 'prod' };
const ALL_DIMENSIONS = [{ Drainer: 'drains' }, { Cluster: 'prod' }];
const stillWaiting: RunEvent = { type: 'drain still waiting', minutes: 65, group: 'workers', remaining: [] };
const nearEnd: RunEvent = { type: 'action ending soon', actionEndsAt: 0, remaining: [] };
const heartbeatFailed: RunEvent = {
  type: 'heartbeat failed',
  hook: 'drainer',
  error: new Error('denied'),
  failures: 3,
};

const fieldsOf = (overrides: Partial<Summary>) =>
  metricsOf({ type: 'summary', summary: summaryWith(overrides) }, 'drains', WORKERS, now);
const metricsIn = (overrides: Partial<Summary>) => extract(fieldsOf(overrides)).metrics;

// CloudWatch silently ignores a line that is not valid embedded metric format, and the alarm never has data.
test('the summary of a drain is valid embedded metric format, by drainer and by cluster', () => {
  const { namespace, at, metrics, dimensions } = extract(fieldsOf({ heartbeatsFailed: 2 }));
  assert.deepEqual([namespace, at], [NAMESPACE, now]);
  assert.deepEqual(metrics, {
    PodsEvicted: 12,
    DrainsSucceeded: 1,
    DrainsFailed: 0,
    DrainSeconds: 7,
    BlockedSeconds: 6.3,
  });
  assert.deepEqual(dimensions, ALL_DIMENSIONS);
});

// An alarm that stopped tasks set off is soon disabled, and one that misses a failed drain is worthless.
test('a drain that removed its pods has succeeded, one whose instance was terminated while pods remained has failed', () => {
  const resultOf = (overrides: Partial<Summary>) => {
    const { DrainsSucceeded, DrainsFailed } = metricsIn(overrides);
    return DrainsSucceeded === undefined && DrainsFailed === undefined ? 'neither' : [DrainsSucceeded, DrainsFailed];
  };
  const succeeded = [1, 0];
  const failed = [0, 1];
  assert.deepEqual(resultOf({ result: 'drained' }), succeeded);
  assert.deepEqual(resultOf({ result: 'deadline', hook: 'ABANDON' }), succeeded);
  assert.deepEqual(resultOf({ result: 'drained', hook: 'failed', exitCode: 1 }), failed, 'its hook was not completed');
  assert.deepEqual(resultOf({ result: 'failed', hook: 'not completed', exitCode: 1 }), failed);
  assert.deepEqual(resultOf({ result: 'failed', hook: 'none', exitCode: 1 }), failed, 'it failed to find the action');
  assert.deepEqual(resultOf({ result: 'action ended', hook: 'not completed', exitCode: 3 }), failed);
  for (const exitCode of [143, 130]) {
    assert.equal(resultOf({ result: 'stopped', hook: 'not completed', exitCode }), 'neither');
  }
  assert.equal(resultOf({ result: 'no node' }), 'neither');
  assert.deepEqual(
    resultOf({ result: 'no node', lost: ['shop/db-0'] }),
    failed,
    'its node was deleted while pods remained',
  );
  assert.deepEqual(resultOf({ result: 'deadline', lost: ['shop/db-0'] }), succeeded, 'the operator chose the deadline');
  assert.equal(resultOf({ result: 'no pending action', hook: 'not completed' }), 'neither');
});

// The duration of a stopped task is only a part of its drain, and would lower the average.
test('a run that neither succeeded nor failed counts its evictions, but has no duration', () => {
  const stopped = { result: 'stopped', hook: 'not completed', exitCode: 143, heartbeatsFailed: 1 } as const;
  assert.deepEqual(metricsIn(stopped), { PodsEvicted: 12 });
});

// A drain of 0 s that failed to reach its cluster would look like a fast one.
test('a run that failed before its drain started has no duration', () => {
  const metrics = metricsIn({ result: 'failed', hook: 'not completed', exitCode: 1, seconds: { total: 120 } });
  assert.deepEqual(Object.keys(metrics).sort(), ['DrainsFailed', 'DrainsSucceeded', 'PodsEvicted']);
});

// A drain by hand must neither set off an alarm nor cost a metric.
test('a run that concerns no lifecycle action of this cluster has no metrics', () => {
  const runs: Partial<Summary>[] = [
    { targetKind: 'node', target: 'node-a', hook: 'none' },
    { targetKind: 'node', target: 'node-a', hook: 'none', result: 'failed', exitCode: 1 },
    { hook: 'none' },
    { hook: 'none', result: 'no pending action' },
    { hook: 'none', result: 'not terminating', exitCode: 64 },
    { hook: 'not completed', result: 'dry run' },
    { hook: 'not completed', result: 'instance of another cluster' },
  ];
  for (const run of runs) assert.deepEqual(fieldsOf(run), {}, JSON.stringify(run));
});

// A Spot instance that ends with its pods is in no alarm, and one that was drained in no chart.
test('a drain for an end that EC2 has announced counts without a hook', () => {
  const spot = { reason: 'spot-interruption', hook: 'none' } as const;
  assert.equal(metricsIn(spot)['DrainsSucceeded'], 1);
  assert.equal(metricsIn({ ...spot, result: 'no node', lost: ['shop/web'] })['DrainsFailed'], 1);
  assert.deepEqual(fieldsOf({ ...spot, result: 'no node' }), {});
});

// A metric without the group's dimensions is in no alarm.
test('an action near its end is counted with the dimensions of the action, and not before it was found', () => {
  const { metrics, dimensions } = extract(metricsOf(nearEnd, 'drains', WORKERS, now));
  assert.deepEqual(metrics, { ActionsNearEnd: 1 });
  assert.deepEqual(dimensions, ALL_DIMENSIONS);
  assert.deepEqual(metricsOf(nearEnd, 'drains', undefined, now), {});
});

// In the summary it would arrive when the instance is terminated; in both, every failure would count twice.
test('each failed heartbeat is counted at once, and not again in the summary', () => {
  const { metrics, dimensions } = extract(metricsOf(heartbeatFailed, 'drains', WORKERS, now));
  assert.deepEqual(metrics, { HeartbeatsFailed: 1 });
  assert.deepEqual(dimensions, ALL_DIMENSIONS);
  assert.deepEqual(metricsOf(heartbeatFailed, 'drains', undefined, now), {});
  assert.ok(!('HeartbeatsFailed' in fieldsOf({ heartbeatsFailed: 2 })));
});

// A growing number of waiting instances is the alarm for lost events.
test('a sweep counts instances, tasks and groups, by drainer and by cluster', () => {
  const { metrics, dimensions } = extract(
    metricsOf({ type: 'sweep summary', cluster: 'prod', summary: sweepSummaryWith() }, 'drains', undefined, now),
  );
  assert.deepEqual(metrics, {
    InstancesWaiting: 3,
    InstancesRetained: 0,
    ClustersUnknown: 0,
    TasksStarted: 1,
    TasksRefused: 0,
    GroupsWithoutHook: 0,
  });
  assert.deepEqual(dimensions, [{ Drainer: 'drains' }, { Cluster: 'prod' }]);
});

// A sweep that did not look says 0, and the alarm on groups without a hook goes back to OK.
test('a sweep that did not look for groups without the hook does not write how many there are', () => {
  const summary = sweepSummaryWith({ groupsWithoutHook: undefined });
  const { metrics } = extract(metricsOf({ type: 'sweep summary', cluster: 'prod', summary }, 'drains', undefined, now));
  assert.ok(!('GroupsWithoutHook' in metrics));
});

// A sweep of every cluster has no cluster, and its alarms no data.
test('a sweep of every cluster, and a drain whose cluster is unknown, are counted for the drainer alone', () => {
  const sweep = metricsOf(
    { type: 'sweep summary', cluster: undefined, summary: sweepSummaryWith() },
    'drains',
    undefined,
    now,
  );
  assert.deepEqual(extract(sweep).dimensions, [{ Drainer: 'drains' }]);
  const unknown = fieldsOf({ result: 'cluster unknown', cluster: undefined, exitCode: 1, hook: 'not completed' });
  assert.deepEqual(extract(unknown).dimensions, [{ Drainer: 'drains' }]);
  assert.deepEqual([extract(unknown).metrics['ClustersUnknown'], extract(unknown).metrics['DrainsFailed']], [1, 1]);
});

// CloudWatch does not say what it makes of a metric without a dimension.
test('a drainer without a name writes no metric while its cluster is unknown', () => {
  const event: RunEvent = { type: 'sweep summary', cluster: undefined, summary: sweepSummaryWith() };
  assert.deepEqual(metricsOf(event, undefined, undefined, now), {});
  const { dimensions } = extract(metricsOf({ ...event, cluster: 'prod' }, undefined, undefined, now));
  assert.deepEqual(dimensions, [{ Cluster: 'prod' }]);
});

// A budget that blocks a drain for hours is in no summary before the instance has been terminated.
test('a drain that still waits writes for how long, with the dimensions of its action, or without an action', () => {
  const { metrics, dimensions } = extract(metricsOf(stillWaiting, 'drains', WORKERS, now));
  assert.deepEqual(metrics, { OldestDrainMinutes: 65 });
  assert.deepEqual(dimensions, ALL_DIMENSIONS);
  // A retained instance has no action: the longest drains of all would be in no alarm.
  assert.deepEqual(extract(metricsOf(stillWaiting, 'drains', undefined, now)).dimensions, [{ Drainer: 'drains' }]);
});

// An alarm on what every drain does for a while is switched off by the first person whom it wakes.
test('a hold is counted when only a change ends it, and not in a dry run', () => {
  const metrics = (event: RunEvent) => metricsOf(event, 'drains', WORKERS, now);
  assert.deepEqual(extract(metrics(podsHeld())).metrics, { HoldsToMend: 1 });
  assert.deepEqual(metrics(podsHeld({ cause: 'transient', needsChange: false })), {});
  assert.deepEqual(metrics({ ...podsHeld(), dryRun: true }), {});
});

// An alarm on a metric that nothing writes never has data.
test('every declared metric is written by an event, with its unit, and other events write none', () => {
  const nodeMissing = summaryWith({ result: 'node missing', exitCode: 1, hook: 'not completed' });
  const events: RunEvent[] = [
    { type: 'summary', summary: summaryWith() },
    { type: 'summary', summary: nodeMissing },
    stillWaiting,
    nearEnd,
    heartbeatFailed,
    podsHeld(),
    { type: 'sweep summary', cluster: 'prod', summary: sweepSummaryWith() },
  ];
  const written = events.flatMap((event) => Object.keys(extract(metricsOf(event, 'drains', WORKERS, now)).metrics));
  assert.deepEqual([...new Set(written)].sort(), Object.keys(METRICS).sort());
  assert.deepEqual(metricsOf({ type: 'heartbeat', hook: 'drainer' }, 'drains', WORKERS, now), {});
  const units = Object.entries(METRICS).filter(([name, unit]) => (unit === 'Seconds') !== name.endsWith('Seconds'));
  assert.deepEqual(units, []);
});

// Of two fields with one name in a line, each JSON parser takes another.
test('no field of a metric has the name of a field of its log line', () => {
  const events: RunEvent[] = [
    { type: 'summary', summary: summaryWith() },
    stillWaiting,
    nearEnd,
    heartbeatFailed,
    podsHeld(),
    { type: 'sweep summary', cluster: 'prod', summary: sweepSummaryWith() },
  ];
  for (const event of events) {
    const added = Object.keys(metricsOf(event, 'drains', WORKERS, now));
    assert.ok(added.length > 2);
    const fields = ['level', 'time', 'message', ...Object.keys(toLogLine(event)?.fields ?? {})];
    assert.deepEqual(
      added.filter((name) => fields.includes(name)),
      [],
      event.type,
    );
  }
});

// A drainer that looks in the wrong cluster fails for every instance of a group: one alarm says so, and no pod is counted.
test('an instance whose node is missing is a failed drain, and counted as a missing node', () => {
  const seconds = { total: 3 };
  const pods = { evicted: 0, skipped: 0, remaining: 0 };
  const missing = { result: 'node missing', exitCode: 1, hook: 'not completed', seconds, pods } as const;
  assert.deepEqual(metricsIn(missing), { NodesMissing: 1, PodsEvicted: 0, DrainsSucceeded: 0, DrainsFailed: 1 });
  assert.ok(!('NodesMissing' in fieldsOf({ result: 'no node' })));
});
