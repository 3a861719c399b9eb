import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AwsSimulator } from '../simulator/aws/aws-simulator.ts';
import { Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { seconds, verdictOf } from './verdict.ts';

type Trouble = {
  readonly name: string;
  /** How long the pods take to end: longer than the trouble. */
  readonly shutdownMs: number;
  readonly eks?: boolean;
  readonly environment?: (aws: AwsSimulator) => Record<string, string>;
  /** Makes the trouble, and resolves when it is over. */
  readonly make: (aws: AwsSimulator) => Promise<void>;
};

const TROUBLES: readonly Trouble[] = [
  {
    name: 'AWS throttles every call for 90 s',
    shutdownMs: 100_000,
    async make({ faults }) {
      const rule = faults.add({ when: () => true, fault: { kind: 'throttle' } });
      await pause(90_000);
      rule.remove();
    },
  },
  {
    name: 'credentials live 20 s, and are rotated every 15',
    shutdownMs: 90_000,
    eks: true,
    environment: (aws) => aws.environmentWithContainerCredentials(),
    async make(aws) {
      for (let rotation = 0; rotation < 6; rotation++) {
        aws.rotateCredentials({ lifetimeSeconds: 20 });
        await pause(15_000);
      }
    },
  },
  {
    name: 'the credentials endpoint is down for 5 minutes',
    shutdownMs: 310_000,
    environment: (aws) => aws.environmentWithContainerCredentials(),
    async make({ faults }) {
      const rule = faults.add({ when: ({ path }) => path === 'credentials', fault: { kind: 'hang' } });
      await pause(300_000);
      rule.remove();
    },
  },
  {
    name: 'DNS fails for 60 s, and with it every new connection',
    shutdownMs: 70_000,
    environment: ({ url }) => ({
      AWS_ENDPOINT_URL: url.replace('127.0.0.1', 'aws.simulated'),
      NODE_OPTIONS: `--import=${fileURLToPath(new URL('dns-down.mjs', import.meta.url))}`,
    }),
    make: () => pause(65_000),
  },
];

/** Trouble with AWS while the pods end: the hook has to be kept alive, and completed. */
export const awsFailures: readonly FaultScenario[] = TROUBLES.map((trouble) => ({
  name: trouble.name,
  busy: false,
  run: () => meet(trouble),
}));

async function meet({ shutdownMs, eks = false, environment = () => ({}), make }: Trouble): Promise<Figure> {
  await using town = await Town.open({ podsPerNode: 3, shutdownMs, eks });
  const startedAt = Date.now();
  const [instance = ''] = town.instances;
  const worker = town.drain(instance, environment(town.aws));
  await worker.line('eviction accepted');
  await Promise.all([make(town.aws), worker.ended()]);
  const [action] = town.aws.lifecycleActions(instance);
  const failed = worker.lines.filter(({ event }) => event === 'heartbeat failed').length;
  const told = `${seconds(Date.now() - startedAt)}, ${action?.beats} beats, ${failed} tries of one failed`;
  return await verdictOf(town, told);
}
