import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent, Summary } from '../../../app/events.ts';
import { METRICS, metricsOf, NAMESPACE } from '../../../app/report/metrics.ts';
import { toLogLine } from '../../../app/report/wording.ts';
import { extract } from '../../support/emf.ts';
import { summaryWith } from '../../support/summaries.ts';

const now = Date.parse('2026-01-02T03:04:05.678Z');
const place = { cluster: 'prod', group: 'workers' };
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
const nearEnd: RunEvent = { type: 'action ending soon', endsAt: 0, remaining: [] };
const beatFailed: RunEvent = { type: 'heartbeat failed', hook: 'drainer', error: new Error('denied'), failures: 3 };

const membersOf = (otherwise: Partial<Summary>) =>
  metricsOf({ type: 'summary', summary: summaryWith(otherwise) }, place, now);
const valuesOf = (otherwise: Partial<Summary>) => extract(membersOf(otherwise)).metrics;

// CloudWatch says nothing of a line that is not quite in the format: the alarm simply never has data.
test('the summary of a drain is what the format demands, by cluster and group, and by cluster', () => {
  const { namespace, at, metrics, dimensions } = extract(membersOf({ heartbeatsFailed: 2 }));
  assert.deepEqual([namespace, at], [NAMESPACE, now]);
  assert.deepEqual(metrics, {
    PodsEvicted: 12,
    DrainsSucceeded: 1,
    DrainsFailed: 0,
    DrainSeconds: 7,
    BlockedSeconds: 6.3,
  });
  assert.deepEqual(dimensions, [{ Cluster: 'prod', Group: 'workers' }, { Cluster: 'prod' }]);
});

test('a drain whose group is not known is filed under its cluster alone', () => {
  const members = membersOf({
    group: undefined,
    cluster: 's3://bucket/key',
    hook: 'none',
    result: 'failed',
    exitCode: 1,
  });
  assert.deepEqual(extract(members).dimensions, [{ Cluster: 's3://bucket/key' }]);
  assert.ok(!('Group' in members));
});

// An alarm on failed drains that a stopped task sets off is switched off after a week; one that misses any is worthless.
test('a drain that did what it should has succeeded, one that left pods to the end of the action has failed', () => {
  const verdictOf = (otherwise: Partial<Summary>) => {
    const { DrainsSucceeded, DrainsFailed } = valuesOf(otherwise);
    return DrainsSucceeded === undefined && DrainsFailed === undefined ? 'neither' : [DrainsSucceeded, DrainsFailed];
  };
  const succeeded = [1, 0];
  const failed = [0, 1];
  assert.deepEqual(verdictOf({ result: 'drained' }), succeeded);
  assert.deepEqual(verdictOf({ result: 'deadline', hook: 'ABANDON' }), succeeded);
  assert.deepEqual(verdictOf({ result: 'drained', hook: 'failed', exitCode: 1 }), failed, 'nobody completed its hook');
  assert.deepEqual(verdictOf({ result: 'failed', hook: 'left alone', exitCode: 1 }), failed);
  assert.deepEqual(verdictOf({ result: 'failed', hook: 'none', exitCode: 1 }), failed, 'it failed to find the action');
  assert.deepEqual(verdictOf({ result: 'action ended', hook: 'left alone', exitCode: 3 }), failed);
  for (const exitCode of [143, 130]) {
    assert.equal(verdictOf({ result: 'stopped', hook: 'left alone', exitCode }), 'neither');
  }
  assert.equal(verdictOf({ result: 'no node' }), 'neither');
  assert.deepEqual(
    verdictOf({ result: 'no node', lost: ['shop/db-0'] }),
    failed,
    'its node was deleted under its pods',
  );
  assert.deepEqual(verdictOf({ result: 'deadline', lost: ['shop/db-0'] }), succeeded, 'the deadline is a wish');
  assert.equal(verdictOf({ result: 'no pending action', hook: 'left alone' }), 'neither');
});

// The part of a drain that a stopped task did would pull the average of all drains down.
test('of a run that is neither, what it did counts, and how long it took does not', () => {
  const otherwise = { result: 'stopped', hook: 'left alone', exitCode: 143, heartbeatsFailed: 1 } as const;
  assert.deepEqual(valuesOf(otherwise), { PodsEvicted: 12 });
});

test('a run that failed before its drain began has no duration', () => {
  const values = valuesOf({ result: 'failed', hook: 'left alone', exitCode: 1, seconds: { total: 120 } });
  assert.deepEqual(Object.keys(values).sort(), ['DrainsFailed', 'DrainsSucceeded', 'PodsEvicted']);
});

// Somebody who drains a node by hand must set off no alarm, nor be billed for a metric of theirs.
test('a run that is about no lifecycle action of this cluster counts nothing', () => {
  const others: Partial<Summary>[] = [
    { targetKind: 'node', target: 'node-a', hook: 'none' },
    { targetKind: 'node', target: 'node-a', hook: 'none', result: 'failed', exitCode: 1 },
    { hook: 'none' },
    { hook: 'none', result: 'no pending action' },
    { hook: 'none', result: 'not terminating', exitCode: 64 },
    { hook: 'left alone', result: 'dry run' },
    { hook: 'left alone', result: 'instance of another cluster' },
  ];
  for (const otherwise of others) assert.deepEqual(membersOf(otherwise), {}, JSON.stringify(otherwise));
});

test('an action near its end is counted where the action was found, and only there', () => {
  const { metrics, dimensions } = extract(metricsOf(nearEnd, place, now));
  assert.deepEqual(metrics, { ActionsNearEnd: 1 });
  assert.deepEqual(dimensions, [{ Cluster: 'prod', Group: 'workers' }, { Cluster: 'prod' }]);
  assert.deepEqual(metricsOf(nearEnd, undefined, now), {});
});

// In the summary it would come when the instance is gone; in both, every failure would count twice.
test('each heartbeat that fails is counted at once, where the action was found, and not again in the summary', () => {
  const { metrics, dimensions } = extract(metricsOf(beatFailed, place, now));
  assert.deepEqual(metrics, { HeartbeatsFailed: 1 });
  assert.deepEqual(dimensions, [{ Cluster: 'prod', Group: 'workers' }, { Cluster: 'prod' }]);
  assert.deepEqual(metricsOf(beatFailed, undefined, now), {});
  assert.ok(!('HeartbeatsFailed' in membersOf({ heartbeatsFailed: 2 })));
});

test('a sweep counts what it found waiting and what it started, by cluster', () => {
  const { metrics, dimensions } = extract(
    metricsOf({ type: 'sweep summary', cluster: 'prod', summary: sweep }, undefined, now),
  );
  assert.deepEqual(metrics, { InstancesWaiting: 3, TasksStarted: 1, TasksRefused: 0 });
  assert.deepEqual(dimensions, [{ Cluster: 'prod' }]);
});

test('every metric is written by some line, with the unit it is declared with, and other events write none', () => {
  const events: RunEvent[] = [
    { type: 'summary', summary: summaryWith() },
    nearEnd,
    beatFailed,
    { type: 'sweep summary', cluster: 'prod', summary: sweep },
  ];
  const written = events.flatMap((event) => Object.keys(extract(metricsOf(event, place, now)).metrics));
  assert.deepEqual(written.sort(), Object.keys(METRICS).sort());
  assert.deepEqual(metricsOf({ type: 'heartbeat', hook: 'drainer' }, place, now), {});
  const units = Object.entries(METRICS).filter(([name, unit]) => (unit === 'Seconds') !== name.endsWith('Seconds'));
  assert.deepEqual(units, []);
});

// Two members of one name in a line: each reader takes another one of them for the value.
test('no member of a metric is called like a field of its line', () => {
  const events: RunEvent[] = [
    { type: 'summary', summary: summaryWith() },
    nearEnd,
    beatFailed,
    { type: 'sweep summary', cluster: 'prod', summary: sweep },
  ];
  for (const event of events) {
    const members = Object.keys(metricsOf(event, place, now));
    assert.ok(members.length > 2);
    const fields = ['level', 'time', 'message', ...Object.keys(toLogLine(event)?.fields ?? {})];
    assert.deepEqual(
      members.filter((name) => fields.includes(name)),
      [],
      event.type,
    );
  }
});
