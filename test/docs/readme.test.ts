import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { readmeTable } from '../../scripts/cost/cost.ts';
import { settingsTable } from '../../scripts/docs/settings-table.ts';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

// A user sets a variable from the README that the program does not read.
test("the README's table of settings is the one that the program generates", () => {
  assert.ok(readme.includes(settingsTable()), 'node scripts/docs/settings-table.ts prints the correct table');
});

// The README shows an outdated price.
test("the README's costs are the ones that the script calculates", () => {
  assert.ok(readme.includes(`\n\n${readmeTable()}\n\n`), 'node scripts/cost/cost.ts prints the correct table');
});

// The first click of a new reader ends in a 404.
test('every file that the README links to exists', async () => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? '');
  assert.ok(links.length > 3);
  for (const path of links) {
    await assert.doesNotReject(readFile(new URL(`../../${path}`, import.meta.url)).catch(allowFolder), path);
  }
});

// The first commands that a new user copies fail.
test('every npm script that the README or CONTRIBUTING names exists', async () => {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  const guide = await readFile(new URL('../../CONTRIBUTING.md', import.meta.url), 'utf8');
  const named = [...`${readme}${guide}`.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name ?? '');
  assert.ok(named.includes('demo'));
  for (const name of named) assert.ok(name in manifest.scripts, name);
});

function allowFolder(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error;
}
