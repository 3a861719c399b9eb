import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RemainingPod } from '../../../app/events.ts';
import { duration, frame, type Paint } from '../../../app/report/frame.ts';
import { RunTotals } from '../../../app/run/totals.ts';
import { holdWith } from '../../support/holds.ts';
import { remainingPods } from '../../support/remaining.ts';

const now = Date.parse('2026-01-02T03:04:05Z');
const uncoloured: Paint = (_, text) => text;
const view = { now, startedAt: now - 75_000, problems: [], columns: 120, rows: 40, paint: uncoloured };

function totalsOf(remaining: readonly RemainingPod[]): RunTotals {
  const totals = new RunTotals();
  totals.record(
    {
      type: 'node found',
      node: 'ip-10-0-0-1.eu-central-1.compute.internal',
      uid: 'u',
      providerID: '',
      matchedBy: 'name',
    },
    now,
  );
  totals.record({ type: 'pod gone', pod: 'shop/gone', reason: 'deleted' }, now);
  totals.record({ type: 'heartbeat', hook: 'drainer' }, now - 5_000);
  totals.record({ type: 'replanned', remaining: () => remaining }, now);
  return totals;
}

// A frame higher than the terminal scrolls it eight times a second.
test('the frame fits the terminal, however many pods remain and however long their names are', () => {
  const long = Array.from({ length: 1_000 }, (_, index) => ({
    pod: `a-namespace-with-a-long-name/a-deployment-with-a-long-name-too-5d59d67564-${index}`,
    uid: `${index}`,
    reason: `budget a-budget-with-a-long-name allows no disruption (3 of 4 healthy, 4 needed) `.repeat(3),
    ending: index % 2 === 0,
    blocked: index % 2 !== 0,
  }));
  const problems = ['could not reach the cluster', 'heartbeat failed'].map((text) => ({
    message: `${text}, retrying in 5 s: `.repeat(9),
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
    const lines = frame(totalsOf(long), { ...view, problems, columns, rows });
    assert.ok(lines.length < rows, `${lines.length} lines and the cursor's on ${rows} rows`);
    for (const line of lines) assert.ok(line.length <= columns, `${line.length} of ${columns} columns: ${line}`);
  }
});

// A screen full of pods of one budget hides the pod of another one below it.
test('pods that one thing holds are one line, before the pods that nothing holds', () => {
  const hold = holdWith({ pods: remainingPods(300).map(({ pod }) => pod) });
  const others = [{ pod: 'shop/db-0', uid: 'd', reason: 'terminating for 1 s', ending: true, blocked: false }];
  const remaining = [...remainingPods(300).map((pod) => ({ ...pod, hold })), ...others];
  const shown = frame(totalsOf(remaining), { ...view, columns: 200 });
  assert.deepEqual(shown.slice(3), [`  ${hold.text}`, '  shop/db-0  terminating for 1 s']);
  assert.match(shown[2] ?? '', /1 of 302 gone · 300 waiting · 1 ending$/);
  // Many holds on a low terminal: what does not fit is counted in pods.
  const many = Array.from({ length: 9 }, (_, index) => {
    const pods = [`shop/${index}-a`, `shop/${index}-b`];
    const one = holdWith({ text: `hold ${index}`, pods });
    return pods.map((pod) => ({
      ...remainingPods(1)[0],
      pod,
      uid: pod,
      reason: '',
      ending: false,
      blocked: true,
      hold: one,
    }));
  });
  const low = frame(totalsOf([...many.flat(), ...others]), { ...view, rows: 12 });
  assert.deepEqual(low.slice(3), ['  hold 0', '  hold 1', '  hold 2', '  hold 3', '  … and 11 more']);
});

// Otherwise nobody can see what the drain waits for.
test('the frame shows the node, the counts, the last heartbeat, and the pods, waiting ones first', () => {
  const remaining = [
    ...remainingPods(1, { ending: true }),
    { pod: 'shop/db-0', uid: 'db-0', reason: 'budget db allows no disruption', ending: false, blocked: true },
  ];
  const shown = frame(totalsOf(remaining), view).join('\n');
  assert.match(shown, /ip-10-0-0-1\.eu-central-1\.compute\.internal {2}1 min 15 s · heartbeat 5 s ago/);
  assert.match(shown, /1 of 3 gone · 1 waiting · 1 ending$/m);
  assert.ok(shown.indexOf('shop/db-0') < shown.indexOf('shop/web-0'));
});

// "0 of 0 gone" beside an empty bar looks like a drain that makes no progress.
test('there are no counts before the first plan', () => {
  assert.deepEqual(frame(new RunTotals(), view), ['', '  looking for the node  1 min 15 s']);
});

// "12 of 12 gone" beside a pod that is still on the node looks wrong.
test('skipped pods are counted apart from those to drain', () => {
  const totals = totalsOf([]);
  for (const pod of ['kube-system/proxy', 'kube-system/exporter'])
    totals.record({ type: 'pod skipped', pod, reason: '', lost: false }, now);
  const shown = frame(totals, view).join('\n');
  assert.match(shown, /1 of 1 gone · 2 skipped$/m);
});

// Half of a number is another number.
test('a count that does not fit is omitted, not truncated', () => {
  const totals = totalsOf(remainingPods(299));
  const counts = (columns: number) => frame(totals, { ...view, columns })[2];
  assert.equal(counts(60), `  ${'░'.repeat(18)}  1 of 300 gone · 299 waiting`);
  assert.equal(counts(36), '  1 of 300 gone · 299 waiting');
  assert.equal(counts(24), '  1 of 300 gone');
});

// A bar that grows with a count looks like progress.
test('the length of the bar does not depend on the counts', () => {
  const length = (remaining: number) =>
    (frame(totalsOf(remainingPods(remaining)), { ...view, columns: 80 })[2] ?? '').match(/[█░]/g)?.length;
  assert.deepEqual([length(1), length(900), length(100_000)], [24, 24, 24]);
});

// The pods of a ReplicaSet differ only in their last letters.
test('a truncated pod name keeps its end', () => {
  const remaining = remainingPods(9).map((pod) => ({ ...pod, pod: `a-very-long-namespace/a-very-long-${pod.pod}` }));
  const shown = frame(totalsOf(remaining), { ...view, columns: 40 });
  assert.equal(shown[3], '  a-very-long-names…/web-0  budget web…');
  assert.equal(shown[4], '  a-very-long-names…/web-1  budget web…');
});

// The cause, which the reader needs, is at the end of a message.
test('the message of a problem takes up to three lines where the terminal is high enough', () => {
  const message = 'could not reach the cluster, retrying in 5 s: no answer from https://prod (refused)';
  const foot = (rows: number, columns = 60) =>
    frame(totalsOf([]), { ...view, problems: [{ message, at: now - 1_000 }], columns, rows }).slice(3);
  const whole = ['! 1 s ago: could not reach the cluster, retrying in 5 s: no', '  answer from https://prod (refused)'];
  assert.deepEqual(foot(24), whole);
  assert.deepEqual(foot(15), ['! 1 s ago: could not reach the cluster, retrying in 5 s: no…']);
  assert.deepEqual(foot(24, 40), [
    '! 1 s ago: could not reach the cluster,',
    '  retrying in 5 s: no answer from',
    '  https://prod (refused)',
  ]);
});

// A list that is cut without a notice looks complete.
test('pods that do not fit are counted', () => {
  const shown = frame(totalsOf(remainingPods(30)), { ...view, rows: 17 });
  assert.deepEqual(shown.slice(-2), ['  shop/web-8  budget web allows no disruption', '  … and 21 more']);
});

// A full bar while pods remain looks like the end of the drain.
test('the bar is full only when no pod remains', () => {
  const empty = (remaining: readonly RemainingPod[], gone: number) => {
    const totals = totalsOf(remaining);
    for (let index = 1; index < gone; index++) totals.record({ type: 'pod gone', pod: `p-${index}`, reason: '' }, now);
    return frame(totals, view).join('\n').split('░').length - 1;
  };
  assert.equal(empty([], 5), 0);
  assert.ok(empty(remainingPods(1), 500) >= 1);
});

// "4523 s" since the last heartbeat has to be converted by whoever reads it.
test('durations are in hours, minutes and seconds', () => {
  const texts = [-5, 400, 59_400, 59_600, 75_000, 3_599_000, 3_600_000, 172_800_000].map(duration);
  assert.deepEqual(texts, ['0 s', '0 s', '59 s', '1 min 0 s', '1 min 15 s', '59 min 59 s', '1 h 0 min', '48 h 0 min']);
});
