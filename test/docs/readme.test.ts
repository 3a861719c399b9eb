import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { costTable } from '../../scripts/cost/cost.ts';
import { settingsTable } from '../../scripts/docs/settings-table.ts';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

test('the table of settings in the README is the one that the program has', () => {
  // Otherwise: somebody sets what the README says, and nothing reads it.
  assert.ok(readme.includes(settingsTable()), 'node scripts/docs/settings-table.ts prints the table as it should be');
});

test('the costs in the README are the ones that the script works out', () => {
  // Otherwise: a price changes, and the README goes on promising the old one.
  assert.ok(readme.includes(costTable()), 'node scripts/cost/cost.ts prints the table as it should be');
});

test('every file that the README links to exists', async () => {
  // Otherwise: the first click of a newcomer ends in a 404.
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '');
  assert.ok(links.length > 3);
  for (const path of links) {
    await assert.doesNotReject(readFile(new URL(`../../${path}`, import.meta.url)).catch(allowFolder), path);
  }
});

test('every npm script that the README or CONTRIBUTING names exists', async () => {
  // Otherwise: the two commands at the top are the first thing that fails.
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  const guide = await readFile(new URL('../../CONTRIBUTING.md', import.meta.url), 'utf8');
  const named = [...`${readme}${guide}`.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name ?? '');
  assert.ok(named.includes('demo'));
  for (const name of named) assert.ok(name in manifest.scripts, name);
});

function allowFolder(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error;
}
