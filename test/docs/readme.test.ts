import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { overviewTable } from '../../scripts/cost/cost.ts';
import { settingsTable } from '../../scripts/docs/settings-table.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const readme = await read('README.md');

// A newcomer scrolls through tables and does not find out what it is.
test('the README is not longer than 150 lines', () => {
  assert.ok(readme.trimEnd().split('\n').length <= 150);
});

// A user sets a variable from the docs that the program does not read.
test('the table of settings is the one that the program generates', async () => {
  const page = await read('docs/configuration.md');
  assert.ok(page.includes(settingsTable()), 'node scripts/docs/settings-table.ts prints the correct table');
});

// The docs show an outdated price.
test('the costs in the docs are the ones that the script calculates', async () => {
  const table = overviewTable();
  assert.ok(
    (await read('docs/cost.md')).includes(`\n\n${table}\n\n`),
    'node scripts/cost/cost.ts prints the correct table',
  );
  const [, none, some] =
    table
      .split('\n')[2]
      ?.split('|')
      .slice(1)
      .map((cell) => cell.trim()) ?? [];
  assert.ok(
    readme
      .replaceAll('\n', ' ')
      .includes(`It costs ${none} dollars a month for ten clusters without a drain, and ${some} with 500`),
  );
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
  const manifest = JSON.parse(await read('package.json'));
  const guide = await read('CONTRIBUTING.md');
  const named = [...`${readme}${guide}`.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name ?? '');
  assert.ok(named.includes('demo'));
  for (const name of named) assert.ok(name in manifest.scripts, name);
});

function allowFolder(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error;
}
