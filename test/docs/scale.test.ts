import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { figuresTable, limitsTable, quotasTable, requestsTable } from '../../scripts/scale/scale.ts';

const file = new URL('../../docs/scale.md', import.meta.url);
const guide = await readFile(file, 'utf8');

for (const [what, table] of [
  ['figures', figuresTable()],
  ['limits', limitsTable()],
  ['quotas', quotasTable()],
  ['requests', requestsTable()],
] as const) {
  // The model changes, and the guide shows outdated figures.
  test(`the table of ${what} in docs/scale.md is the one that the model calculates`, () => {
    assert.ok(guide.includes(`\n\n${table}\n\n`), 'node scripts/scale/scale.ts prints the correct table');
  });
}

// A reader who wants to check a figure gets a 404.
test('every file that docs/scale.md links to exists', async () => {
  const links = [...guide.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '');
  assert.ok(links.length > 1);
  for (const path of links) await assert.doesNotReject(readFile(new URL(path, file)), path);
});
