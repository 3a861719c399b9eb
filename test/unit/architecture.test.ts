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

/** Which parts of the house a part may import, from the roof to the ground. Whatever is absent imports nothing of ours. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  main: ['wiring', 'sweep', 'run', 'report', 'config', 'events', 'outcome', 'lib'],
  wiring: ['aws', 'kubernetes', 'sweep', 'run', 'config', 'events', 'lib'],
  aws: ['sweep', 'run', 'lifecycle', 'config', 'lib'],
  kubernetes: ['run', 'drain', 'context', 'events', 'lib'],
  report: ['run', 'events', 'lib'],
  sweep: ['run', 'config', 'context', 'events', 'outcome', 'lib'],
  run: ['drain', 'lifecycle', 'config', 'context', 'timeline', 'events', 'outcome', 'lib'],
  config: ['lifecycle', 'outcome', 'lib'],
  drain: ['context', 'timeline', 'events', 'lib'],
  lifecycle: ['context', 'outcome', 'lib'],
  context: ['events', 'lib'],
  events: ['outcome'],
};

/** `app/drain/plan.ts` → `drain`, `app/main.ts` → `main` */
function partOf(path: string): string {
  return path.replace(/^app\//, '').replace(/(\/.*|\.ts)$/, '');
}

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

// One import that runs up makes a circle sooner or later, and then nothing can be read, tested or replaced alone.
test('no arrow runs up: each part imports only what is below it', () => {
  for (const { path, imports } of files) {
    const from = partOf(path);
    const allowed = [from, ...(ARROWS[from] ?? [])];
    const others = imports.filter((name) => name.startsWith('app/') && !allowed.includes(partOf(name)));
    assert.deepEqual(others, [], path);
  }
});

// Somebody who opens app/ reads these names first: they are the table of contents.
test('the hall of app/ holds at most eight files', () => {
  const hall = files.map(({ path }) => path).filter((path) => /^app\/[^/]+$/.test(path));
  assert.ok(hall.length <= 8, hall.join());
});

// An SDK that is used everywhere can be replaced nowhere, and its errors are handled by chance.
test('only app/aws and app/kubernetes import the SDKs, and only app/report the logger', () => {
  assert.deepEqual(importersOf(/^(@aws-sdk\/|@smithy\/|aws4$)/, isIn('aws')), []);
  assert.deepEqual(importersOf(/^(@kubernetes\/|undici$|js-yaml$)/, isIn('kubernetes')), []);
  assert.deepEqual(importersOf(/^pino$/, isIn('report')), []);
});

// The judgement of what is evicted is tested without a cluster only as long as it knows none.
test('the drain imports no package', () => {
  for (const { path, imports } of files.filter(({ path }) => isIn('drain')(path))) {
    assert.deepEqual(
      imports.filter((name) => !/^(app\/|node:)/.test(name)),
      [],
      path,
    );
  }
});

// With five dialects of retrying, a TypeError was sent 59 times in ten minutes, and shown as the reason of a pod.
test('only retry, the heartbeats, the plan of evictions and the watches work out when to retry', () => {
  const allowed = new Set([
    'app/context.ts',
    'app/lib/backoff.ts',
    'app/lifecycle/heartbeat.ts',
    'app/drain/evictor.ts',
    'app/drain/late-pods.ts',
    'app/drain/state.ts',
    'app/run/locate-node.ts',
    'app/kubernetes/list-watch.ts',
  ]);
  const others = files.filter(({ path, text }) => !allowed.has(path) && /\bbackoffMs\(/.test(codeOf(text)));
  assert.deepEqual(
    others.map(({ path }) => path),
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
  const allowed = new Set(['app/lib/clock.ts', 'app/report/live-view.ts', 'app/main.ts']);
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

// Above that, there is a second subject in the file.
test('no file is longer than 300 lines', () => {
  const long = files.filter(({ text }) => text.trimEnd().split('\n').length > 300);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});
