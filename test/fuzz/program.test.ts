import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readCommandLine } from '../../app/config/cli.ts';
import { readConfig } from '../../app/config/drain-config.ts';
import { readSweepConfig } from '../../app/config/sweep-config.ts';
import { accessFromKubeconfigFile } from '../../app/kubernetes/kubeconfig.ts';
import { Program } from '../process/program.ts';
import { Listener } from '../simulator/listener.ts';
import { HandClock } from '../support/clock.ts';
import { folder } from '../support/folder.ts';
import { Seeded } from '../support/seeded.ts';
import { SECRET, sizeOf } from './fuzz.ts';
import { randomKubeconfig } from './kubeconfigs.ts';
import { type Invocation, randomInvocation } from './settings.ts';

/** AWS and an API server at once: it counts who comes, and answers nobody. */
async function endpoint(t: TestContext) {
  const count = { requests: 0 };
  const server = createServer((_, response) => {
    count.requests++;
    response.writeHead(500).end();
  });
  server.on('connection', () => {
    count.requests++;
  });
  const listener = new Listener(server, '127.0.0.1');
  t.after(() => listener.stop());
  return { url: `http://127.0.0.1:${await listener.open(0)}`, count };
}

/** What no process can be given: it ends the text. */
const withoutNul = (text: string) => text.replaceAll('\0', '');

/** Invocations that are refused, from this seed on: the others would reach for whatever they name. */
function* refusedInvocations(firstSeed: number): Generator<Invocation & { seed: number }> {
  for (let seed = firstSeed; ; seed++) {
    const made = randomInvocation(new Seeded(seed));
    const args = made.args.map(withoutNul);
    const environment = Object.fromEntries(Object.entries(made.environment).map((pair) => pair.map(withoutNul)));
    const line = readCommandLine(args);
    if (line.command === 'help' || line.command === 'version') continue;
    try {
      if (line.command === 'drain') readConfig(environment, line.flags, line.errors);
      else if (line.command === 'sweep') readSweepConfig(environment, line.flags, line.errors);
      else throw new Error('no such command');
    } catch {
      yield { args, environment, seed };
    }
  }
}

async function run(args: readonly string[], environment: Readonly<Record<string, string>>, again: string) {
  const ended = await new Program(args, environment, () => [SECRET]).ended().catch((cause: unknown) => {
    throw new Error(`${String(cause)}\n${again}`, { cause });
  });
  const said = JSON.stringify(ended.lines) + ended.stderr;
  assert.doesNotMatch(said, /\n\s+at |node:internal|TypeError/, again);
  return ended;
}

// What the functions promise, the program has to keep: a fault that is told after the first request has touched something.
test('bad settings end the program with 64 before it asks anybody anything', async (t) => {
  const { cases, firstSeed } = sizeOf(150);
  const { url, count } = await endpoint(t);
  const made = refusedInvocations(firstSeed);
  for (let cased = 0; cased < Math.max(1, cases / 30); cased++) {
    const { value } = made.next();
    if (value === undefined) throw new Error('there is always another one');
    const { args, environment, seed } = value;
    const again = `seed ${seed}: FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz/program.test.ts`;
    const { code, lines, stderr } = await run(args, { AWS_ENDPOINT_URL: url, ...environment }, again);
    assert.deepEqual([code, lines], [64, []], again);
    assert.match(stderr, /^fargate-node-drainer: /, again);
  }
  assert.equal(count.requests, 0);
});

test('a kubeconfig that is none ends the program before it asks anybody anything', async (t) => {
  const { cases, firstSeed } = sizeOf(150);
  const { url, count } = await endpoint(t);
  const path = join(await folder(t), 'config');
  const clock = new HandClock();
  for (let seed = firstSeed, cased = 0; cased < Math.max(1, cases / 30); seed++) {
    const text = randomKubeconfig(new Seeded(seed)).replaceAll(/https:\/\/[^"\s]*/g, url);
    await writeFile(path, text);
    const isRefused = await accessFromKubeconfigFile(path, clock).then(
      () => false,
      () => true,
    );
    if (!isRefused) continue;
    cased++;
    const again = `seed ${seed}: FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz/program.test.ts`;
    const args = ['drain', '--kubeconfig', path, '--node', 'node-a'];
    const { code, lines, stderr } = await run(args, { AWS_ENDPOINT_URL: url }, again);
    assert.deepEqual([code, stderr], [1, ''], again);
    assert.match(lines.find(({ event }) => event === 'run failed')?.message ?? '', /kubeconfig/, again);
  }
  assert.equal(count.requests, 0);
});
