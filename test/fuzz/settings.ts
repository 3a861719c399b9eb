import { flagOf, PLACEMENT_SETTINGS } from '../../app/config/command-settings.ts';
import { settingNames } from '../../app/config/settings.ts';
import type { Seeded } from '../support/seeded.ts';
import { SECRET } from './fuzz.ts';
import { mutatedText, randomText } from './mutate.ts';

const VALID: ReadonlyMap<string, string> = new Map([
  ['INSTANCE_ID', 'i-0123456789abcdef0'],
  ['CLUSTER_NAME', 'prod'],
  ['AWS_REGION', 'eu-central-1'],
  ['DRAIN_DEADLINE_SECONDS', '60'],
  ['ON_DEADLINE', 'force'],
  ['LOAD_BALANCER_EXCLUSION', 'off'],
  ['LIFECYCLE_HOOK_NAME', 'node-drainer'],
]);

/** Valid values of settings that are given rarely. */
const RARE: ReadonlyMap<string, string> = new Map([
  ['LIFECYCLE_ACTION_TOKEN', SECRET],
  ['AWS_ENDPOINT_URL', `https://user:${SECRET}@localhost:4566/`],
  ['AWS_SECRET_ACCESS_KEY', SECRET],
  ['AWS_SESSION_TOKEN', SECRET],
  ['AWS_ENDPOINT_URL_S3', 'http://localhost:4566'],
  ['HTTPS_PROXY', `http://user:${SECRET}@proxy:3128`],
  ['http_proxy', 'proxy:3128'],
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

/** A command line and an environment, partly valid. */
export function randomInvocation(random: Seeded): Invocation {
  const command = random.pick('drain', 'drain', 'drain', 'sweep');
  const args = [command, ...Array.from({ length: random.pick(0, 0, 0, 1, 2, 4) }, () => randomArgument(random))];
  const names = [
    '__proto__',
    'constructor',
    random.pick('INSTANCE_ID', ...settingNames),
    ...VALID.keys(),
    ...RARE.keys(),
  ]
    .filter((name) => !isPlacementSetting(name))
    .filter((name) => random.chance(VALID.has(name) ? 0.9 : 0.1));
  // One of these without the others is rarely valid.
  if (random.chance(command === 'drain' ? 0.2 : 0.8)) names.push(...PLACEMENT_SETTINGS);
  return { args, environment: Object.fromEntries(names.map((name) => [name, randomValue(random, name)])) };
}

function randomValue(random: Seeded, name: string): string {
  const valid = VALID.get(name) ?? RARE.get(name) ?? 'on';
  if (random.chance(0.9)) return valid;
  return random.pick(
    '',
    randomText(random),
    '9'.repeat(random.whole(20)),
    'https://x',
    valid.slice(1),
    `${valid}\n`,
    mutatedAround(random, valid),
    'x'.repeat(random.pick(1_000, 100_000)),
  );
}

function isPlacementSetting(name: string): boolean {
  return PLACEMENT_SETTINGS.some((other) => other === name);
}

/** Mutates only the text around a secret: a part of a secret could not be recognised in the output. */
function mutatedAround(random: Seeded, valid: string): string {
  const [before = '', ...after] = valid.split(SECRET);
  return after.length === 0 ? mutatedText(random, valid) : `${mutatedText(random, before)}${SECRET}${after.join('')}`;
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
