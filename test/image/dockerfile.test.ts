import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { NODE_FLAGS } from '../../scripts/bench/contender.ts';
import { readCompose } from '../../scripts/local/compose.ts';
import { cutAfter, stagesOf } from './dockerfile.ts';

const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
const stages = stagesOf(dockerfile);
const drainer = stages.at(-1);

// `docker build .` builds the last stage: a simulator there would be pushed as the drainer.
test('the last stage of the Dockerfile is the drainer', () => {
  assert.equal(drainer?.name, 'drainer');
  assert.ok(stages.some(({ name }) => name === 'simulator'));
});

// `latest` is another image tomorrow, and another Node.
test('every base is pinned by a tag that names a major version', () => {
  const names = stages.map(({ name }) => name);
  const bases = stages.map(({ base }) => base).filter((base) => !names.includes(base));
  assert.ok(bases.length > 0);
  for (const base of bases) assert.match(base, /\/(node:24-\S+|nodejs24-\S+:nonroot)$/, base);
});

// A shell as process 1 passes no SIGTERM on: each stop would be a SIGKILL, two minutes later.
test('what is started is started without a shell', () => {
  for (const { name, text } of stages.filter(({ name }) => ['drainer', 'simulator'].includes(name))) {
    const [, command = ''] = /^ENTRYPOINT (.*)$/m.exec(text) ?? [];
    const words: unknown = JSON.parse(command);
    assert.ok(Array.isArray(words) && words[0] === '/nodejs/bin/node', name);
  }
});

// The cache of another Node, or of another file, is refused in silence: every start would be the slower one.
test('the compile cache is filled by the base, and for the path, that the drainer runs with', () => {
  const compiled = stages.find(({ name }) => name === 'compiled');
  assert.equal(compiled?.base, drainer?.base);
  const bundle = /^COPY --from=build .* \/app\/main\.mjs$/m;
  assert.match(compiled?.text ?? '', bundle);
  assert.match(drainer?.text ?? '', bundle);
});

// Otherwise: the cache of other flags is refused, and the benchmark measures what nobody runs.
test('the compile cache is filled, and the benchmark run, with the flags that the drainer runs with', () => {
  const flags = NODE_FLAGS.map((flag) => `"${flag}"`).join(', ');
  const node = `["/nodejs/bin/node", ${flags}, "`;
  for (const { text } of stages.filter(({ name }) => ['compiled', 'drainer'].includes(name))) {
    for (const [line, words] of text.matchAll(/^(?:RUN|ENTRYPOINT) (.*)$/gm)) assert.ok(words?.startsWith(node), line);
  }
});

// What .dockerignore keeps out is missing only when the image is built.
test('everything that the Dockerfile copies from the project is let in by .dockerignore', async () => {
  const ignore = await readFile(new URL('../../.dockerignore', import.meta.url), 'utf8');
  const letIn = ignore.split('\n').filter((line) => line.startsWith('!'));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files = '']) => files.split(' '));
  assert.ok(copied.length > 0);
  for (const file of copied) assert.ok(letIn.includes(`!${file}`), file);
  assert.equal(letIn.length, new Set(copied).size, 'and nothing else');
});

// A target that the compose file misspells is found out by whoever runs it first.
test('the compose file builds targets that the Dockerfile has', async () => {
  const services = await readCompose({});
  for (const { build } of Object.values(services)) assert.ok(stages.some(({ name }) => name === build.target));
});

// Nothing of the drainer's stages may be needed for the simulator, or a plain builder cannot make it.
test('the Dockerfile can be cut after any stage', () => {
  const cut = cutAfter(dockerfile, 'simulator');
  assert.equal(stagesOf(cut).at(-1)?.name, 'simulator');
  assert.ok(!cut.includes('AS drainer'));
  assert.throws(() => cutAfter(dockerfile, 'nonsense'), /no stage nonsense/);
});
