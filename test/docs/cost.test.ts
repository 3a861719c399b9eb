import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { billTable, comparisonTable, extrasTable, savingsTable, sizesTable } from '../../scripts/cost/cost.ts';

const file = new URL('../../docs/cost.md', import.meta.url);
const guide = await readFile(file, 'utf8');

for (const [what, table] of [
  ['lines of the bill', billTable()],
  ['savings', savingsTable()],
  ['sizes', sizesTable()],
  ['networks and AWS Config', comparisonTable()],
  ['extras', extrasTable()],
] as const) {
  // A price or a metric changes, and the guide shows the old bill.
  test(`the table of ${what} in docs/cost.md is the one that the model calculates`, () => {
    assert.ok(guide.includes(`\n\n${table}\n\n`), 'node scripts/cost/cost.ts prints the correct table');
  });
}

// A reader who wants to check a figure gets a 404.
test('every file that docs/cost.md links to exists', async () => {
  const links = [...guide.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '');
  assert.ok(links.length > 1);
  for (const path of links) await assert.doesNotReject(readFile(new URL(path, file)), path);
});
