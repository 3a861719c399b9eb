import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

type Source = { readonly path: string; readonly text: string; readonly imports: readonly string[] };

/** Comments may name anything; code may not. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

/** Each file of app/ with what it imports: files as paths from the root, packages by name. */
async function sources(): Promise<Source[]> {
  const found: Source[] = [];
  for await (const file of glob('app/**/*.ts', { cwd: ROOT })) {
    const path = file.replaceAll('\\', '/');
    const text = await readFile(join(ROOT, path), 'utf8');
    const names = [...codeOf(text).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name = '']) => name);
    const imports = names.map((name) =>
      name.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), name)).replaceAll('\\', '/') : name,
    );
    found.push({ path, text, imports });
  }
  return found;
}

const files = await sources();
const isIn = (folder: string) => (path: string) => path.startsWith(`app/${folder}/`);

/** The files outside of `allowed` that import something like `what`. */
function importersOf(what: RegExp, allowed: (path: string) => boolean): string[] {
  return files
    .filter(({ path, imports }) => !allowed(path) && imports.some((name) => what.test(name)))
    .map(({ path }) => path);
}

test('there is something to look at', () => {
  assert.ok(files.length > 40);
  assert.ok(files.some(({ imports }) => imports.includes('undici')));
  assert.ok(files.some(({ imports }) => imports.includes('app/drain/plan.ts')));
});

// An SDK that is used everywhere can be replaced nowhere, and its errors are handled by chance.
test('only app/aws and app/kubernetes know the SDKs', () => {
  const inAws = isIn('aws');
  const inKubernetes = isIn('kubernetes');
  assert.deepEqual(importersOf(/^(@aws-sdk\/|@smithy\/|aws4$)/, inAws), []);
  assert.deepEqual(importersOf(/^(@kubernetes\/|undici$|js-yaml$)/, inKubernetes), []);
  assert.deepEqual(importersOf(/^pino$/, isIn('report')), []);
});

// The judgement of what is evicted is tested without a cluster only as long as it knows none.
test('the drain knows nothing of AWS, of the Kubernetes adapter, or of any package', () => {
  for (const { path, imports } of files.filter(({ path }) => isIn('drain')(path))) {
    const foreign = imports.filter(
      (name) => isIn('aws')(name) || isIn('kubernetes')(name) || !/^(app\/|node:)/.test(name),
    );
    assert.deepEqual(foreign, [], path);
  }
});

test('only the ports know the adapters of both, and Kubernetes knows nothing of AWS', () => {
  const ports = ['app/drain-ports.ts', 'app/sweep-ports.ts'];
  const outside = (path: string) => ports.includes(path) || isIn('aws')(path) || isIn('kubernetes')(path);
  assert.deepEqual(importersOf(/^app\/(aws|kubernetes)\//, outside), []);
  assert.deepEqual(
    importersOf(/^app\/aws\//, (path) => ports.includes(path) || isIn('aws')(path)),
    [],
  );
});

// A setting that is read in the depth is in no table, is not validated, and cannot be tested.
test('only main.ts reads the environment, the arguments, signals and the exit code', () => {
  const readers = files.filter(({ path, text }) => path !== 'app/main.ts' && /\bprocess\b\s*[.[]/.test(codeOf(text)));
  assert.deepEqual(
    readers.map(({ path }) => path),
    [],
  );
});

// Time that is read off the wall cannot be moved by a test: what it governs is tried in production.
test('only the clock and the live view look at the time', () => {
  const allowed = new Set(['app/clock.ts', 'app/report/live-view.ts', 'app/main.ts']);
  const lookers = files.filter(
    ({ path, text }) => !allowed.has(path) && /\b(Date\.now|new Date\(\)|setTimeout|setInterval)\b/.test(codeOf(text)),
  );
  assert.deepEqual(
    lookers.map(({ path }) => path),
    [],
  );
});

test('no imports go round in a circle', () => {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const cleared = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    assert.ok(!trail.includes(path), [...trail, path].join(' → '));
    if (cleared.has(path)) return;
    for (const next of importsOf.get(path) ?? []) visit(next, [...trail, path]);
    cleared.add(path);
  };
  for (const { path } of files) visit(path, []);
  assert.equal(cleared.size >= files.length, true);
});

test('no file is longer than 200 lines', () => {
  const long = files.filter(({ text }) => text.trimEnd().split('\n').length > 200);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});
