import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldReports, holdOfNode } from '../../../app/drain/hold-reports.ts';
import type { HoldCause } from '../../../app/events.ts';
import { RunTotals } from '../../../app/run/totals.ts';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';
import { Recorder } from '../../support/recorder.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

// Scenario 27: a budget that can never allow an eviction is found after an hour, by the alarm for stuck drains.
test('a budget that can never allow an eviction is said within a minute, once, with what would mend it', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 8)) cluster.add(one, endless);
  cluster.budgets.add('web', 8, { rule: { field: 'minAvailable', value: 8 } });
  const { startedAt } = await start();
  await clock.advance(3_600_000);
  assert.deepEqual(
    recorder.timesOf('pods held', clock.startedAt + startedAt).map((at) => Math.round(at / 1_000)),
    [10],
  );
  const [held] = recorder.of('pods held');
  assert.equal(held?.hold.cause, 'structural');
  assert.equal(held.hold.pods.length, 8);
  assert.match(
    held.hold.text,
    /^budget shop\/web needs 8 healthy pods and has 8 of 8, and can never allow an eviction/,
  );
  assert.match(held.hold.remedy ?? '', /poddisruptionbudget web/);
});

// Every drain of a service waits for its new pods. Said each time, it hides the budgets that really hold a node.
test('what holds pods for less than half a minute is not said, and longer once', async () => {
  for (const [replacedAfterMs, times] of [
    [3_000, []],
    [20_000, [30]],
  ] as const) {
    const { clock, cluster, recorder, start } = draining();
    for (const one of podsOf('web', 4)) cluster.add(one, { shutdownMs: 200, replacedAfterMs });
    cluster.budgets.add('web', 3);
    const { done, startedAt } = await start();
    assert.equal(await clock.until(done, 300_000), 'drained');
    assert.deepEqual(
      recorder.timesOf('pods held', clock.startedAt + startedAt).map((at) => Math.round(at / 1_000)),
      times,
    );
    assert.ok(recorder.of('pods held').every(({ hold }) => hold.cause === 'transient' && !hold.needsChange));
  }
});

// The operator has mended the budget, the pods still do not go, and the log is silent: it is something else now.
test('when the cause changes, the new one is said, and the end of the old one', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 2)) cluster.add(one, { shutdownMs: 200 });
  cluster.budgets.add('web', 2);
  let isKept = false;
  cluster.webhook = () => (isKept ? 'admission webhook "keep.example.com" denied the request: not now' : undefined);
  await start();
  await clock.advance(50_000);
  const said = () => recorder.of('pods held').map(({ hold }) => hold.cause);
  assert.deepEqual(said(), ['structural']);
  isKept = true;
  cluster.budgets.add('web', 0);
  cluster.relist();
  await clock.advance(60_000);
  assert.deepEqual(said(), ['structural', 'webhook']);
  assert.deepEqual(
    recorder
      .of('hold ended')
      .filter(({ reported }) => reported)
      .map(({ by }) => by),
    ['budget shop/web'],
  );
  isKept = false;
  await clock.advance(70_000);
  assert.deepEqual(
    recorder
      .of('hold ended')
      .filter(({ reported }) => reported)
      .map(({ by }) => by),
    ['budget shop/web', 'webhook keep.example.com'],
  );
});

// Scenarios 19, 22 and 34. Each was retried in silence after its first line.
test('two budgets, a webhook and a finalizer are each said within a minute', async () => {
  const { clock, cluster, recorder, start } = draining();
  // Alone in its namespace, whose budgets nothing else makes the drain read.
  cluster.add(pod('twice', { namespace: 'lab', labels: { app: 'twice' } }), endless);
  cluster.budgets.add('twice', 0, { namespace: 'lab' });
  cluster.budgets.add('more', 0, { namespace: 'lab', selector: [{ key: 'app', operator: 'In', values: ['twice'] }] });
  cluster.add(pod('vm'), endless);
  cluster.webhook = ({ name }) =>
    name === 'vm' ? 'admission webhook "virt-api" denied the request: migrating' : undefined;
  const deletion = { deadline: clock.now(), graceSeconds: 0 };
  cluster.add(pod('stuck', { deletion, finalizers: ['example.com/hold'], running: false }), endless);
  const { startedAt } = await start({ finalizerMs: 3_600_000 });
  await clock.advance(600_000);
  const said = recorder.of('pods held').map(({ hold }) => [hold.cause, hold.by, hold.pods.join()]);
  assert.deepEqual(said.sort(), [
    ['finalizer', 'finalizer example.com/hold', 'shop/stuck'],
    ['several budgets', 'budgets lab/more, lab/twice', 'lab/twice'],
    ['webhook', 'webhook virt-api', 'shop/vm'],
  ]);
  assert.ok(recorder.timesOf('pods held', clock.startedAt + startedAt).every((at) => at <= 60_000));
});

// A pod that crashes every minute is ready in between: each turn would be a line, a metric and an Event, for hours.
test('a hold that comes and goes is said once in ten minutes', async () => {
  const recorder = new Recorder(() => now);
  let now = Date.parse('2026-01-02T03:04:05Z');
  const reports = new HoldReports(recorder.report);
  const startedAt = now;
  const none = new Map();
  for (; now < startedAt + 1_800_000; now += 60_000) {
    const since = now;
    const holds = holdOfNode('unhealthy', 'budget shop/web', 'it keeps them', 'mend them', since);
    reports.update(holds, now);
    reports.update(holds, now + 40_000);
    reports.update(none, now + 50_000);
  }
  const minutes = recorder.timesOf('pods held', startedAt).map((at) => Math.round(at / 60_000));
  assert.deepEqual(minutes, [0, 10, 20]);
});

// "No longer holds pods" at the end of a drain that gave up is a lie.
test('the end of a drain ends its holds in silence', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  const { done } = await start({ deadlineAt: clock.now() + 61_000, lastResort: 'evict' });
  assert.equal(await clock.until(done, 120_000), 'deadline');
  assert.equal(recorder.of('pods held').length, 1);
  assert.deepEqual(
    recorder.of('hold ended').map(({ by, reported }) => [by, reported]),
    [['budget shop/web', false]],
  );
});

// Of an hour that a node has cost, nobody could tell whose budget it was.
test('the totals say how long each budget has held the node, also two owners of it at once', async () => {
  const { clock, cluster, recorder, start } = draining();
  const owned = (name: string) => ({ controller: { kind: 'StatefulSet', name } });
  const [a = pod('a'), b = pod('b')] = podsOf('web', 2);
  cluster.add({ ...a, ...owned('first') }, { shutdownMs: 200 });
  cluster.add({ ...b, ...owned('second') }, { shutdownMs: 200 });
  cluster.budgets.add('web', 2);
  const { done } = await start();
  await clock.advance(100_000);
  for (const name of ['x', 'y']) cluster.add(pod(name, { labels: { app: 'web' } }), {}, false);
  assert.equal(await clock.until(done, 60_000), 'drained');
  const totals = new RunTotals();
  for (const { at, event } of recorder.recorded) totals.record(event, at);
  const [longest, ...others] = totals.totals(clock.now()).heldBy;
  assert.deepEqual(others, []);
  assert.deepEqual([longest?.by, longest?.cause], ['budget shop/web', 'structural']);
  assert.ok(Math.abs((longest?.seconds ?? 0) - 100) < 2, `${longest?.seconds} s`);
});

// A summary with a hundred budgets is cut by CloudWatch, and read by nobody.
test('the totals name the five that held longest, and none that held for a moment', () => {
  const totals = new RunTotals();
  const causes: HoldCause[] = ['transient', 'structural', 'webhook'];
  for (let index = 0; index < 100; index++) {
    const hold = { cause: causes[index % 3] ?? 'transient', by: `budget shop/b-${index}` };
    totals.record({ type: 'hold began', ...hold }, 0);
    totals.record({ type: 'hold ended', ...hold, heldMs: 0, reported: false }, index * 100);
  }
  totals.record({ type: 'hold began', cause: 'webhook', by: 'webhook open' }, 0);
  // Of another owner.
  totals.record({ type: 'hold began', cause: 'webhook', by: 'webhook open' }, 30_000);
  const { heldBy } = totals.totals(60_000);
  assert.deepEqual(
    heldBy.map(({ by, seconds }) => `${by} ${seconds}`),
    ['webhook open 60', 'budget shop/b-99 9.9', 'budget shop/b-98 9.8', 'budget shop/b-97 9.7', 'budget shop/b-96 9.6'],
  );
});

// The drain sleeps until something happens, and nothing does.
test('the next report is due when the youngest hold is old enough, and none when all are reported', () => {
  const recorder = new Recorder(() => 0);
  const reports = new HoldReports(recorder.report);
  assert.equal(reports.nextAt, Number.POSITIVE_INFINITY);
  const holds = new Map([
    ...holdOfNode('structural', 'budget shop/web', '', '', 5_000),
    ...holdOfNode('webhook', 'webhook keep', '', '', 2_000),
  ]);
  reports.update(holds, 5_000);
  assert.equal(reports.nextAt, 15_000);
  reports.update(holds, 15_000);
  assert.equal(reports.nextAt, 32_000);
  reports.update(holds, 32_000);
  assert.equal(reports.nextAt, Number.POSITIVE_INFINITY);
  assert.equal(recorder.of('pods held').length, 2);
});

// The containers end shortly after the drain has said what it waits for, and nothing else happens for half a minute.
test('a hold that begins late is said half a minute after that', async () => {
  const { clock, cluster, recorder, start } = draining();
  const deletion = { deadline: clock.now() + 3_600_000, graceSeconds: 3_600 };
  const stuck = pod('stuck', { deletion, finalizers: ['example.com/hold'] });
  cluster.add(stuck, endless);
  const { startedAt } = await start({ finalizerMs: 3_600_000 });
  await clock.advance(5_000);
  cluster.add({ ...stuck, running: false }, endless);
  await clock.advance(40_000);
  assert.deepEqual(recorder.timesOf('pods held', clock.startedAt + startedAt), [35_000]);
});
