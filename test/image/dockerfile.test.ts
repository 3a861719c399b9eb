import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { NODE_FLAGS } from '../../scripts/bench/contender.ts';
import { readCompose } from '../../scripts/local/compose.ts';
import { cutAfter, stagesOf } from './dockerfile.ts';

const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
const stages = stagesOf(dockerfile);
const drainer = stages.at(-1);

// `docker build .` builds the last stage: if that is the simulator, it is pushed as the drainer.
test('the last stage of the Dockerfile is the drainer', () => {
  assert.equal(drainer?.name, 'drainer');
  assert.ok(stages.some(({ name }) => name === 'simulator'));
});

// With `latest`, the image and its Node version change without a commit.
test('every base image has a tag with a major version', () => {
  const names = stages.map(({ name }) => name);
  const bases = stages.map(({ base }) => base).filter((base) => !names.includes(base));
  assert.ok(bases.length > 0);
  for (const base of bases) assert.match(base, /\/(node:24-\S+|nodejs24-\S+:nonroot)$/, base);
});

// A shell as process 1 does not forward SIGTERM: every stop ends with SIGKILL two minutes later.
test('every ENTRYPOINT starts Node without a shell', () => {
  for (const { name, text } of stages.filter(({ name }) => ['drainer', 'simulator'].includes(name))) {
    const [, command = ''] = /^ENTRYPOINT (.*)$/m.exec(text) ?? [];
    const words: unknown = JSON.parse(command);
    assert.ok(Array.isArray(words) && words[0] === '/nodejs/bin/node', name);
  }
});

// Node silently ignores the compile cache of another version or path, and every start is slower.
test('the compile cache is built with the base image and the path of the drainer', () => {
  const compiled = stages.find(({ name }) => name === 'compiled');
  assert.equal(compiled?.base, drainer?.base);
  const bundle = /^COPY --from=build .* \/app\/main\.mjs$/m;
  assert.match(compiled?.text ?? '', bundle);
  assert.match(drainer?.text ?? '', bundle);
});

// Node ignores a compile cache of other flags, and the benchmark measures another configuration.
test('the compile cache and the benchmark use the flags of the drainer', () => {
  const flags = NODE_FLAGS.map((flag) => `"${flag}"`).join(', ');
  const node = `["/nodejs/bin/node", ${flags}, "`;
  for (const { text } of stages.filter(({ name }) => ['compiled', 'drainer'].includes(name))) {
    for (const [line, words] of text.matchAll(/^(?:RUN|ENTRYPOINT) (.*)$/gm)) assert.ok(words?.startsWith(node), line);
  }
});

// A file that .dockerignore excludes fails only the build of the image.
test('.dockerignore includes exactly the files that the Dockerfile copies from the project', async () => {
  const ignore = await readFile(new URL('../../.dockerignore', import.meta.url), 'utf8');
  const included = ignore.split('\n').filter((line) => line.startsWith('!'));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files = '']) => files.split(' '));
  assert.ok(copied.length > 0);
  for (const file of copied) assert.ok(included.includes(`!${file}`), file);
  assert.equal(included.length, new Set(copied).size, 'no other file');
});

// A misspelt target fails only when the compose file is used.
test('the compose file builds existing targets of the Dockerfile', async () => {
  const services = await readCompose({});
  for (const { build } of Object.values(services)) assert.ok(stages.some(({ name }) => name === build.target));
});

// If the simulator needs a stage of the drainer, builders without target support cannot build it.
test('the Dockerfile can be cut after any stage', () => {
  const cut = cutAfter(dockerfile, 'simulator');
  assert.equal(stagesOf(cut).at(-1)?.name, 'simulator');
  assert.ok(!cut.includes('AS drainer'));
  assert.throws(() => cutAfter(dockerfile, 'no-such-stage'), /no stage no-such-stage/);
});
