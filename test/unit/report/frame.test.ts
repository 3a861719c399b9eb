import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RemainingPod } from '../../../app/events.ts';
import { duration, frame, type Paint } from '../../../app/report/frame.ts';
import { RunTotals } from '../../../app/run/totals.ts';
import { waitingFor } from '../../support/remaining.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const plain: Paint = (_, text) => text;
const view = { now, startedAt: now - 75_000, trouble: [], columns: 120, rows: 40, paint: plain };

function tallyOf(remaining: readonly RemainingPod[]): RunTotals {
  const tally = new RunTotals();
  tally.record(
    { type: 'node found', node: 'ip-10-0-0-1.eu-central-1.compute.internal', uid: 'u', providerID: '', by: 'name' },
    now,
  );
  tally.record({ type: 'pod gone', pod: 'shop/gone', proof: 'deleted' }, now);
  tally.record({ type: 'heartbeat', hook: 'drainer' }, now - 5_000);
  tally.record({ type: 'replanned', remaining: () => remaining }, now);
  return tally;
}

// A frame that is higher than the terminal scrolls it away at eight frames a second.
test('the frame fits the terminal, however many pods remain and however long their names are', () => {
  const long = Array.from({ length: 1_000 }, (_, index) => ({
    pod: `a-namespace-with-a-long-name/a-deployment-with-a-long-name-too-5d59d67564-${index}`,
    uid: `${index}`,
    reason: `budget a-budget-with-a-long-name allows no disruption (3 of 4 healthy, 4 needed) `.repeat(3),
    ending: index % 2 === 0,
    blocked: index % 2 !== 0,
  }));
  const trouble = ['could not reach the cluster', 'heartbeat failed'].map((what) => ({
    message: `${what}, trying again in 5 s: `.repeat(9),
    at: now,
  }));
  for (const [columns, rows] of [
    [80, 24],
    [120, 50],
    [200, 10],
    [100, 9],
    [40, 10],
    [20, 4],
    [9, 2],
    [1, 1],
  ] as const) {
    const lines = frame(tallyOf(long), { ...view, trouble, columns, rows });
    assert.ok(lines.length < rows, `${lines.length} lines, and the cursor's, of ${rows}`);
    for (const line of lines) assert.ok(line.length <= columns, `${line.length} columns of ${columns}: ${line}`);
  }
});

// Whoever looks has to find out from it what the drain waits for.
test('the frame shows the node, the counts, those that wait first, and the last heartbeat', () => {
  const remaining = [
    ...waitingFor(1, true),
    { pod: 'shop/db-0', uid: 'db-0', reason: 'budget db allows no disruption', ending: false, blocked: true },
  ];
  const shown = frame(tallyOf(remaining), view).join('\n');
  assert.match(shown, /ip-10-0-0-1\.eu-central-1\.compute\.internal {2}1 min 15 s · heartbeat 5 s ago/);
  assert.match(shown, /1 of 3 gone · 1 waiting · 1 ending$/m);
  assert.ok(shown.indexOf('shop/db-0') < shown.indexOf('shop/web-0'));
});

// "0 of 0 gone" beside an empty bar looks like a drain that does not get on.
test('there is nothing to count before the node was looked at', () => {
  assert.deepEqual(frame(new RunTotals(), view), ['', '  looking for the node  1 min 15 s']);
});

// "12 of 12 gone · 1 left" reads as if one were missing.
test('pods that stay on the node are not called left', () => {
  const tally = tallyOf([]);
  for (const pod of ['kube-system/proxy', 'kube-system/exporter'])
    tally.record({ type: 'pod skipped', pod, reason: '' }, now);
  const shown = frame(tally, view).join('\n');
  assert.match(shown, /1 of 1 gone · 2 stay$/m);
});

// Half of a number is another number.
test('counts that have no room are left out whole', () => {
  const tally = tallyOf(waitingFor(299));
  const counts = (columns: number) => frame(tally, { ...view, columns })[2];
  assert.equal(counts(60), `  ${'░'.repeat(18)}  1 of 300 gone · 299 waiting`);
  assert.equal(counts(36), '  1 of 300 gone · 299 waiting');
  assert.equal(counts(24), '  1 of 300 gone');
});

// A bar that grows when a count does looks like progress.
test('the bar is as long as before, whatever the counts are', () => {
  const length = (remaining: number) =>
    (frame(tallyOf(waitingFor(remaining)), { ...view, columns: 80 })[2] ?? '').match(/[█░]/g)?.length;
  assert.deepEqual([length(1), length(900), length(100_000)], [24, 24, 24]);
});

// The pods of a deployment differ in their last letters only.
test('a pod is told from its siblings when its name is too long', () => {
  const remaining = waitingFor(9).map((pod) => ({ ...pod, pod: `a-very-long-namespace/a-very-long-${pod.pod}` }));
  const shown = frame(tallyOf(remaining), { ...view, columns: 40 });
  assert.equal(shown[3], '  a-very-long-names…/web-0  budget web…');
  assert.equal(shown[4], '  a-very-long-names…/web-1  budget web…');
});

// Why something goes wrong is said last, and is what one needs to know.
test('trouble has some lines to be told whole, where the terminal is high enough', () => {
  const message = 'could not reach the cluster, trying again in 5 s: no answer from https://prod (refused)';
  const foot = (rows: number, columns = 60) =>
    frame(tallyOf([]), { ...view, trouble: [{ message, at: now - 1_000 }], columns, rows }).slice(3);
  const whole = [
    '! 1 s ago: could not reach the cluster, trying again in 5 s:',
    '  no answer from https://prod (refused)',
  ];
  assert.deepEqual(foot(24), whole);
  assert.deepEqual(foot(15), ['! 1 s ago: could not reach the cluster, trying again in 5 s…']);
  assert.deepEqual(foot(24, 40), [
    '! 1 s ago: could not reach the cluster,',
    '  trying again in 5 s: no answer from',
    '  https://prod (refused)',
  ]);
});

// A list that ends without a word is taken for all there is.
test('what has no room is counted', () => {
  const shown = frame(tallyOf(waitingFor(30)), { ...view, rows: 17 });
  assert.deepEqual(shown.slice(-2), ['  shop/web-8  budget web allows no disruption', '  … and 21 more']);
});

// A full bar while pods remain says that it is over when it is not.
test('the bar is full only when nothing remains', () => {
  const empty = (remaining: readonly RemainingPod[], gone: number) => {
    const tally = tallyOf(remaining);
    for (let index = 1; index < gone; index++) tally.record({ type: 'pod gone', pod: `p-${index}`, proof: '' }, now);
    return frame(tally, view).join('\n').split('░').length - 1;
  };
  assert.equal(empty([], 5), 0);
  assert.ok(empty(waitingFor(1), 500) >= 1);
});

test('durations are told as people tell them', () => {
  const told = [-5, 400, 59_400, 59_600, 75_000, 3_599_000, 3_600_000, 172_800_000].map(duration);
  assert.deepEqual(told, ['0 s', '0 s', '59 s', '1 min 0 s', '1 min 15 s', '59 min 59 s', '1 h 0 min', '48 h 0 min']);
});
