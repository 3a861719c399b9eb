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
import { ManualClock } from '../support/clock.ts';
import { folder } from '../support/folder.ts';
import { Seeded } from '../support/seeded.ts';
import { SECRET, sizeOf } from './fuzz.ts';
import { randomKubeconfig } from './kubeconfigs.ts';
import { type Invocation, randomInvocation } from './settings.ts';

/** Stands in for AWS and the API server: counts connections and requests, and replies 500. */
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

/** Arguments and environment of a process cannot contain NUL. */
const withoutNul = (text: string) => text.replaceAll('\0', '');

/** Only invocations that are refused, from this seed on: the others would connect to the endpoints that they name. */
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

async function run(args: readonly string[], environment: Readonly<Record<string, string>>, repeat: string) {
  const ended = await new Program(args, environment, () => [SECRET]).ended().catch((cause: unknown) => {
    throw new Error(`${String(cause)}\n${repeat}`, { cause });
  });
  const output = JSON.stringify(ended.lines) + ended.stderr;
  assert.doesNotMatch(output, /\n\s+at |node:internal|TypeError/, repeat);
  return ended;
}

// A configuration error that is reported after the first request has already had an effect.
test('invalid settings end the program with 64 before its first request', async (t) => {
  const { cases, firstSeed } = sizeOf(150);
  const { url, count } = await endpoint(t);
  const made = refusedInvocations(firstSeed);
  for (let cased = 0; cased < Math.max(1, cases / 30); cased++) {
    const { value } = made.next();
    if (value === undefined) throw new Error('the generator never ends');
    const { args, environment, seed } = value;
    const repeat = `seed ${seed}: FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz/program.test.ts`;
    const { code, lines, stderr } = await run(args, { AWS_ENDPOINT_URL: url, ...environment }, repeat);
    assert.deepEqual([code, lines], [64, []], repeat);
    assert.match(stderr, /^fargate-node-drainer: /, repeat);
  }
  assert.equal(count.requests, 0);
});

// A damaged kubeconfig is refused only after a request to a server that it names.
test('an invalid kubeconfig ends the program before its first request', async (t) => {
  const { cases, firstSeed } = sizeOf(150);
  const { url, count } = await endpoint(t);
  const path = join(await folder(t), 'config');
  const clock = new ManualClock();
  for (let seed = firstSeed, cased = 0; cased < Math.max(1, cases / 30); seed++) {
    const text = randomKubeconfig(new Seeded(seed)).replaceAll(/https:\/\/[^"\s]*/g, url);
    await writeFile(path, text);
    const isRefused = await accessFromKubeconfigFile({ path }, clock).then(
      () => false,
      () => true,
    );
    if (!isRefused) continue;
    cased++;
    const repeat = `seed ${seed}: FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz/program.test.ts`;
    const args = ['drain', '--kubeconfig', path, '--node', 'node-a'];
    const { code, lines, stderr } = await run(args, { AWS_ENDPOINT_URL: url }, repeat);
    assert.deepEqual([code, stderr], [1, ''], repeat);
    assert.match(lines.find(({ event }) => event === 'run failed')?.message ?? '', /kubeconfig/, repeat);
  }
  assert.equal(count.requests, 0);
});
