import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as v from 'valibot';

const root = new URL('../../', import.meta.url);
const SourceMap = v.object({ sources: v.array(v.string()) });
const Lock = v.object({
  packages: v.record(v.string(), v.looseObject({ version: v.optional(v.string()), dev: v.optional(v.boolean()) })),
});

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(path, root), 'utf8'));
}

/** The package path of a bundled source, as in package-lock.json; undefined for the project's own files. */
function packageOf(source: string): string | undefined {
  const path = /node_modules\/.*/.exec(source)?.[0];
  return /^(?:node_modules\/(?:@[^/]+\/)?[^/]+\/)+/.exec(path ?? '')?.[0].slice(0, -1);
}

// A development dependency in the image may have a vulnerability that `npm audit --omit=dev` does not report.
test('the bundle holds only locked packages, and no development dependency', async () => {
  const { sources } = v.parse(SourceMap, await json('dist/main.mjs.map'));
  const { packages } = v.parse(Lock, await json('package-lock.json'));
  const bundled = new Set(sources.map(packageOf).filter((name) => name !== undefined));
  assert.ok(bundled.size > 20, `${bundled.size} packages`);
  for (const name of bundled) {
    const locked = packages[name];
    assert.ok(locked?.version !== undefined, `${name} is not in package-lock.json`);
    assert.notEqual(locked.dev, true, `${name} is a development dependency`);
  }
  const own = sources.filter((source) => packageOf(source) === undefined && !/^(builtin|omitted):/.test(source));
  for (const source of own)
    assert.match(source, /^(\.\.\/)?(app\/|package\.json)/, "the project's own files are in app/");
});

// With a wrong package path, the test above passes for every bundle.
test('the package path of a bundled source is the innermost package folder', () => {
  assert.equal(packageOf('../node_modules/undici/lib/core/util.js'), 'node_modules/undici');
  assert.equal(packageOf('../node_modules/@aws-sdk/core/dist-es/index.js'), 'node_modules/@aws-sdk/core');
  assert.equal(packageOf('../node_modules/a/node_modules/@b/c/x.js'), 'node_modules/a/node_modules/@b/c');
  assert.equal(packageOf('../app/main.ts'), undefined);
});
