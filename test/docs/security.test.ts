import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { test } from 'node:test';

// SECURITY.md names a test that was renamed or deleted, so its promise is no longer tested.
test('every file that SECURITY.md names exists', async () => {
  const root = new URL('../../', import.meta.url);
  const text = await readFile(new URL('SECURITY.md', root), 'utf8');
  const names = [...text.matchAll(/`((?:app|test|infra|scripts)\/[^`]*|Dockerfile)`/g)].map(([, name = '']) => name);
  assert.ok(names.length > 20, `${names.length} files are named`);
  for (const name of names) await assert.doesNotReject(access(new URL(name, root)), name);
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Promise') && !line.startsWith('| ---'));
  for (const row of rows) assert.match(row, /\| [^|]*`test\/[^|]*\|$/, 'a promise without a proof');
});
