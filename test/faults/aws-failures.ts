import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

type AwsFailure = {
  readonly name: string;
  /** How long the pods take to terminate: longer than the failure lasts. */
  readonly shutdownMs: number;
  readonly eks?: boolean;
  readonly environment?: (aws: AwsSimulator) => Record<string, string>;
  /** Causes the failure, and resolves when it has ended. */
  readonly cause: (aws: AwsSimulator) => Promise<void>;
};

const FAILURES: readonly AwsFailure[] = [
  {
    name: 'AWS throttles every call for 90 s',
    shutdownMs: 100_000,
    async cause({ faults }) {
      const rule = faults.add({ when: () => true, fault: { kind: 'throttle' } });
      await pause(90_000);
      rule.remove();
    },
  },
  {
    name: 'credentials expire after 20 s and are rotated every 15 s',
    shutdownMs: 90_000,
    eks: true,
    environment: (aws) => aws.environmentWithContainerCredentials(),
    async cause(aws) {
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
    async cause({ faults }) {
      const rule = faults.add({ when: ({ path }) => path === 'credentials', fault: { kind: 'hang' } });
      await pause(300_000);
      rule.remove();
    },
  },
  {
    name: 'DNS fails for 60 s, so every new connection fails',
    shutdownMs: 70_000,
    environment: ({ url }) => ({
      AWS_ENDPOINT_URL: url.replace('127.0.0.1', 'aws.simulated'),
      NODE_OPTIONS: `--import=${fileURLToPath(new URL('dns-down.mjs', import.meta.url))}`,
    }),
    cause: () => pause(65_000),
  },
];

/** AWS fails while the pods terminate: the hook still needs heartbeats, and its completion. */
export const awsFailures: readonly FaultScenario[] = FAILURES.map((failure) => ({
  name: failure.name,
  busy: false,
  run: () => drainDuring(failure),
}));

async function drainDuring({
  shutdownMs,
  eks = false,
  environment = () => ({}),
  cause,
}: AwsFailure): Promise<FaultResult> {
  await using fixture = await FaultEnvironment.open({ podsPerNode: 3, shutdownMs, eks });
  const startedAt = Date.now();
  const [instance = ''] = fixture.instances;
  const worker = fixture.drain(instance, environment(fixture.aws));
  await worker.line('eviction accepted');
  await Promise.all([cause(fixture.aws), worker.ended()]);
  const [action] = fixture.aws.lifecycleActions(instance);
  const failed = worker.lines.filter(({ event }) => event === 'heartbeat failed').length;
  const figures = `${seconds(Date.now() - startedAt)}, ${action?.heartbeats} heartbeats, ${failed} failed attempts`;
  return await resultOf(fixture, figures);
}
