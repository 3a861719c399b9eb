import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Remaining } from '../../app/report/event.ts';
import { duration, frame } from '../../app/report/frame.ts';
import { Tally } from '../../app/report/tally.ts';
import { waitingFor } from '../support/remaining.ts';

const now = Date.parse('2026-01-02T03:04:05Z');

function tallyOf(remaining: readonly Remaining[]): Tally {
  const tally = new Tally();
  tally.saw(
    { type: 'node found', node: 'ip-10-0-0-1.eu-central-1.compute.internal', uid: 'u', providerID: '', by: 'name' },
    now,
  );
  tally.saw({ type: 'pod gone', pod: 'shop/gone', proof: 'deleted' }, now);
  tally.saw({ type: 'beat', hook: 'drainer' }, now - 5_000);
  tally.saw({ type: 'looked', remaining: () => remaining }, now);
  return tally;
}

// A frame that is higher than the terminal scrolls it away at eight frames a second.
test('the frame fits the terminal, however many pods remain and however long their names are', () => {
  const long = Array.from({ length: 1_000 }, (_, index) => ({
    pod: `a-namespace-with-a-long-name/a-deployment-with-a-long-name-too-5d59d67564-${index}`,
    uid: `${index}`,
    why: `budget a-budget-with-a-long-name allows none (3 of 4 healthy, 4 needed) `.repeat(3),
    ending: index % 2 === 0,
    blocked: index % 2 !== 0,
  }));
  for (const [columns, rows] of [
    [80, 24],
    [120, 50],
    [200, 10],
    [100, 9],
  ] as const) {
    const trouble = 'could not reach the cluster, trying again in 5 s: '.repeat(9);
    const lines = frame(tallyOf(long), { now, startedAt: now - 75_000, trouble, columns, rows }).split('\n');
    assert.ok(lines.length <= rows, `${lines.length} lines of ${rows}`);
    for (const line of lines) {
      const { length } = stripVTControlCharacters(line);
      assert.ok(length <= columns, `${length} columns of ${columns}: ${line}`);
    }
  }
});

test('the frame shows the node, the counts, those that wait first, and the last beat', () => {
  const remaining = [
    ...waitingFor(1, true),
    { pod: 'shop/db-0', uid: 'db-0', why: 'budget db allows none', ending: false, blocked: true },
  ];
  const shown = stripVTControlCharacters(
    frame(tallyOf(remaining), { now, startedAt: now - 75_000, trouble: undefined, columns: 120, rows: 40 }),
  );
  assert.match(shown, /ip-10-0-0-1\.eu-central-1\.compute\.internal {2}1 min 15 s · last beat 5 s ago/);
  assert.match(shown, /1 of 3 gone · 1 ending · 1 waiting · 0 left/);
  assert.ok(shown.indexOf('shop/db-0') < shown.indexOf('shop/web-0'));
});

// A full bar while pods remain says that it is over when it is not.
test('the bar is full only when nothing remains', () => {
  const bar = (remaining: readonly Remaining[], gone: number) => {
    const tally = tallyOf(remaining);
    for (let index = 1; index < gone; index++) tally.saw({ type: 'pod gone', pod: `p-${index}`, proof: '' }, now);
    const shown = frame(tally, { now, startedAt: now, trouble: undefined, columns: 120, rows: 40 });
    return stripVTControlCharacters(shown).split('░').length - 1;
  };
  assert.equal(bar([], 5), 0);
  assert.ok(bar(waitingFor(1), 500) >= 1);
});

test('durations are told as people tell them', () => {
  const told = [-5, 400, 59_400, 59_600, 75_000, 3_599_000, 3_600_000, 172_800_000].map(duration);
  assert.deepEqual(told, ['0 s', '0 s', '59 s', '1 min 0 s', '1 min 15 s', '59 min 59 s', '1 h 0 min', '48 h 0 min']);
});
