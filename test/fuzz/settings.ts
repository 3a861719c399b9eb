import { flagOf, PLACEMENT_SETTINGS, settingNames } from '../../app/config/settings.ts';
import type { Seeded } from '../support/seeded.ts';
import { SECRET } from './fuzz.ts';
import { mutated, randomText } from './mutate.ts';

const GOOD: ReadonlyMap<string, string> = new Map([
  ['INSTANCE_ID', 'i-0123456789abcdef0'],
  ['CLUSTER_NAME', 'prod'],
  ['AWS_REGION', 'eu-central-1'],
  ['DRAIN_DEADLINE_SECONDS', '60'],
  ['ON_DEADLINE', 'force'],
  ['LOAD_BALANCER_EXCLUSION', 'off'],
  ['LIFECYCLE_HOOK_NAME', 'node-drainer'],
]);

/** Settings that are given now and then, and what they may be. */
const RARE: ReadonlyMap<string, string> = new Map([
  ['LIFECYCLE_ACTION_TOKEN', SECRET],
  ['AWS_ENDPOINT_URL', `https://user:${SECRET}@localhost:4566/`],
  ['AWS_SECRET_ACCESS_KEY', SECRET],
  ['AWS_SESSION_TOKEN', SECRET],
  ['AWS_ENDPOINT_URL_S3', 'http://localhost:4566'],
  ['VOLUME_DETACH_TIMEOUT_SECONDS', '0'],
  ['DRAIN_DAEMONSETS', 'true'],
  ['DO_NOT_DISRUPT_SECONDS', '60'],
  ['WAIT_FOR_CAPACITY_SECONDS', '60'],
  ['LAST_RESORT_SECONDS', '60'],
  ['ECS_CLUSTER', 'drains'],
  ['TASK_DEFINITION', 'node-drainer'],
  ['SUBNET_IDS', 'subnet-0123456789abcdef0,subnet-0123456789abcdef1'],
  ['SECURITY_GROUP_IDS', 'sg-0123456789abcdef0'],
  ['GENERATION', '3'],
  ['ASSIGN_PUBLIC_IP', 'ENABLED'],
  ['LIFECYCLE_ACTION_TIME', '2026-01-31T12:34:56Z'],
  ['DRAIN_TIME', '2026-01-31T12:40:00Z'],
  ['SCHEDULED_TIME', '2026-01-31T12:35:00Z'],
  ['SWEEP_GRACE_SECONDS', '5'],
]);

export type Invocation = { readonly args: readonly string[]; readonly environment: Readonly<Record<string, string>> };

/** A command line and an environment, some of it good. */
export function randomInvocation(random: Seeded): Invocation {
  const command = random.pick('drain', 'drain', 'drain', 'sweep');
  const args = [command, ...Array.from({ length: random.pick(0, 0, 0, 1, 2, 4) }, () => randomArgument(random))];
  const names = [
    '__proto__',
    'constructor',
    random.pick('INSTANCE_ID', ...settingNames),
    ...GOOD.keys(),
    ...RARE.keys(),
  ]
    .filter((name) => !isOfPlace(name))
    .filter((name) => random.chance(GOOD.has(name) ? 0.9 : 0.1));
  // One of these without the others is hardly ever good.
  if (random.chance(command === 'drain' ? 0.2 : 0.8)) names.push(...PLACEMENT_SETTINGS);
  return { args, environment: Object.fromEntries(names.map((name) => [name, randomValue(random, name)])) };
}

function randomValue(random: Seeded, name: string): string {
  const good = GOOD.get(name) ?? RARE.get(name) ?? 'on';
  if (random.chance(0.9)) return good;
  return random.pick(
    '',
    randomText(random),
    '9'.repeat(random.whole(20)),
    'https://x',
    good.slice(1),
    `${good}\n`,
    mutatedAround(random, good),
    'x'.repeat(random.pick(1_000, 100_000)),
  );
}

function isOfPlace(name: string): boolean {
  return PLACEMENT_SETTINGS.some((place) => place === name);
}

/** A mutation that leaves no part of a secret that nobody would know again. */
function mutatedAround(random: Seeded, good: string): string {
  const [before = '', ...after] = good.split(SECRET);
  return after.length === 0 ? mutated(random, good) : `${mutated(random, before)}${SECRET}${after.join('')}`;
}

function randomArgument(random: Seeded): string {
  const name = random.pick('INSTANCE_ID', ...settingNames);
  return random.pick(
    `--${flagOf(name)}`,
    `--${flagOf(name)}=${randomValue(random, name)}`,
    '--dry-run',
    '--node',
    '--node=node-a',
    '--kubeconfig=/k',
    '--',
    '-',
    '--__proto__=x',
    '--constructor',
    `-${randomText(random)}`,
    `--${randomText(random)}`,
    randomText(random),
    'drain',
  );
}
