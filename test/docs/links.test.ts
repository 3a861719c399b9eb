import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anchorsOf, withoutCode } from './markdown.ts';

const root = new URL('../../', import.meta.url);
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: fileURLToPath(root) });

// A reader in a hurry, at night, follows a link of a runbook to a section that was renamed.
test('every relative link of every page leads to a file that exists, and to a heading of it', () => {
  assert.ok(pages.length > 20, `${pages.length} pages are found`);
  let checked = 0;
  for (const page of pages) {
    const text = readFileSync(new URL(page, root), 'utf8');
    for (const [, link = ''] of withoutCode(text).matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)) {
      checked++;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? new URL(page, root) : new URL(path, new URL(page, root));
      assert.ok(existsSync(target), `${page}: ${link} does not exist`);
      if (anchor === undefined) continue;
      const anchors = anchorsOf(readFileSync(target, 'utf8'));
      assert.ok(anchors.includes(anchor), `${page}: ${link} has no such heading, but ${anchors.join(', ')}`);
    }
  }
  assert.ok(checked > 50, `${checked} links are found`);
});
