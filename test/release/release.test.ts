import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };
import { notesOf } from '../../scripts/release/notes.ts';
import { writeRelease } from '../../scripts/release/release.ts';
import { withImage } from '../../scripts/release/templates.ts';
import { template, templateText } from '../infra/templates.ts';
import { textAt } from '../simulator/aws/json.ts';
import { folder } from '../support/folder.ts';

const IMAGE = `ghcr.io/example/fargate-node-drainer@sha256:${'0123456789abcdef'.repeat(4)}`;
const CHANGELOG = `# Changelog\n\n## Unreleased\n\n- next\n\n## ${manifest.version}\n\n- this\n\n## 0.0.1\n\n- old\n`;

// A user deploys the template of a version with the image of another one.
test('the template of a release has its image as default, and is otherwise the same', async () => {
  const text = templateText('drainer');
  const released = withImage(text, IMAGE);
  assert.equal(released.replace(`  Default: ${IMAGE}\n`, ''), text);
  const pattern = textAt(template('drainer'), 'Parameters', 'Image', 'AllowedPattern');
  assert.match(IMAGE, new RegExp(pattern ?? 'none'));
  assert.throws(() => withImage(released, IMAGE), /no parameter Image without a default/);
});

// The notes of a release are those of another one, or empty.
test('the notes are the section of the version', () => {
  assert.equal(notesOf(CHANGELOG, manifest.version), '- this\n');
  assert.throws(() => notesOf(CHANGELOG, '9.9.9'), /no section ## 9.9.9/);
});

// `npx fargate-node-drainer` starts nothing, because the package lacks its program or its first line.
test('the package runs without anything else, and the checksums are those of the files', async (t) => {
  const out = await folder(t);
  await writeRelease(IMAGE, out).catch((error: Error) => {
    // Between two releases the changelog has no section of the version.
    assert.match(error.message, /CHANGELOG.md has no section/);
  });
  const program = join(out, 'package', 'main.mjs');
  assert.match(await readFile(program, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  const { stdout, stderr } = spawnSync(process.execPath, [program, '--version'], { encoding: 'utf8', cwd: out });
  assert.equal(stdout, `${manifest.version}\n`, stderr);
  const sums = await readFile(join(out, 'files', 'checksums.txt'), 'utf8');
  const names = (await readdir(join(out, 'files'))).filter((name) => name !== 'checksums.txt').sort();
  assert.deepEqual(
    names,
    sums
      .trim()
      .split('\n')
      .map((line) => line.split('  ')[1]),
  );
  for (const name of names) {
    const hash = createHash('sha256')
      .update(await readFile(join(out, 'files', name)))
      .digest('hex');
    assert.ok(sums.includes(`${hash}  ${name}\n`), name);
  }
});
