import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../app/cli.ts';
import { readConfig } from '../../app/config.ts';
import { ConfigFaults } from '../../app/setting-values.ts';
import { DRAIN_SETTINGS, flagOf, PLACE_SETTINGS } from '../../app/settings.ts';
import { Seeded } from '../support/seeded.ts';

/** Those of a place go together: at random there is hardly ever one of them all. */
const KNOWN = DRAIN_SETTINGS.filter((name) => !PLACE_SETTINGS.some((place) => place === name));

const GOOD: Record<string, string> = {
  INSTANCE_ID: 'i-0123456789abcdef0',
  CLUSTER_NAME: 'prod',
  AWS_REGION: 'eu-central-1',
  DRAIN_DEADLINE_SECONDS: '60',
  ON_DEADLINE: 'force',
  LOAD_BALANCER_EXCLUSION: 'off',
};

/** Settings that are given now and then, and what they may be. */
const RARE: Record<string, string> = {
  VOLUME_DETACH_TIMEOUT_SECONDS: '0',
  DRAIN_DAEMONSETS: 'true',
  DO_NOT_DISRUPT_SECONDS: '60',
  WAIT_FOR_CAPACITY_SECONDS: '60',
  LAST_RESORT_SECONDS: '60',
};

function randomText(random: Seeded): string {
  const length = random.whole(12);
  const letter = () => String.fromCodePoint(random.pick(random.whole(128), random.whole(0xd7ff), 0x1f600, 0, 45, 61));
  return Array.from({ length }, letter).join('');
}

function randomValue(random: Seeded, name: string): string {
  const good = new Map(Object.entries({ ...GOOD, ...RARE })).get(name) ?? 'on';
  if (random.chance(0.85)) return good;
  return random.pick('', randomText(random), '9'.repeat(random.whole(20)), 'https://x', good.slice(1), `${good}\n`);
}

function randomArgument(random: Seeded): string {
  const name = random.pick('INSTANCE_ID', ...KNOWN);
  return random.pick(
    `--${flagOf(name)}`,
    `--${flagOf(name)}=${randomValue(random, name)}`,
    randomValue(random, name),
    '--dry-run',
    '--node',
    '--kubeconfig=/k',
    '--',
    '-',
    '--__proto__=x',
    '--constructor',
    `-${randomText(random)}`,
    `--${randomText(random)}`,
    'drain',
  );
}

// An exception of any other kind is a stack trace in a log, exit code 1, and a hook that is handled by ON_FAILURE.
test('whatever is given, reading it gives a configuration or its faults', () => {
  let configs = 0;
  let refusals = 0;
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = new Seeded(seed);
    const args = ['drain', ...Array.from({ length: random.pick(0, 0, 1, 2, 4) }, () => randomArgument(random))];
    const names = ['AWS_ENDPOINT_URL_S3', '__proto__', ...KNOWN].filter((name) =>
      random.chance(Object.hasOwn(GOOD, name) ? 0.8 : 0.1),
    );
    const environment = Object.fromEntries(names.map((name) => [name, randomValue(random, name)]));
    const line = readCommandLine(args);
    if (line.command !== 'drain') continue;
    try {
      const { target } = readConfig(environment, line.flags, line.faults);
      configs++;
      assert.match(
        target.kind === 'instance' ? target.instanceId : target.name,
        /^[a-z0-9][-a-z0-9.]*$/,
        `seed ${seed}`,
      );
      assert.deepEqual(line.faults, [], `seed ${seed}: faults of the command line were lost`);
    } catch (error) {
      refusals++;
      assert.ok(error instanceof ConfigFaults, `seed ${seed}: ${String(error)}`);
      assert.ok(error.faults.length > 0, `seed ${seed}`);
    }
  }
  assert.ok(configs > 100 && refusals > 100, `${configs} configurations, ${refusals} refusals`);
});
