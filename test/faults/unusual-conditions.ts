import { setTimeout as pause } from 'node:timers/promises';
import { garbage } from '../simulator/faults.ts';
import { CLUSTER, FaultEnvironment, type FaultEnvironmentOptions } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

type UnusualCondition = {
  readonly name: string;
  readonly options: FaultEnvironmentOptions;
  /** Runs before the worker starts. */
  readonly before?: (fixture: FaultEnvironment) => void;
  /** Runs once the first eviction is accepted. */
  readonly during?: (fixture: FaultEnvironment) => Promise<void>;
};

const clockSkew = (minutes: number): FaultEnvironmentOptions => ({
  eks: true,
  aws: { now: () => Date.now() + minutes * 60_000 },
});

const CONDITIONS: readonly UnusualCondition[] = [
  { name: "the worker's clock is 10 minutes behind AWS", options: clockSkew(10) },
  { name: "the worker's clock is 10 minutes ahead of AWS", options: clockSkew(-10) },
  {
    name: 'three lists of pods of 50 MB each',
    options: {},
    before: ({ kubernetes }) => {
      kubernetes.faults.add({
        when: ({ path, query }) => path.endsWith('/pods') && !query.has('watch'),
        times: 3,
        fault: { kind: 'padding', bytes: 50_000_000 },
      });
    },
  },
  {
    name: 'watches send four kinds of malformed data during the drain',
    options: { shutdownMs: 8_000 },
    during: async ({ kubernetes }) => {
      for (const text of [garbage.notJson, garbage.unknownType, garbage.halfLine, 'x'.repeat(1_000_000)]) {
        kubernetes.garbleWatches(text);
        await pause(1_000);
      }
    },
  },
  {
    name: "the API server's certificate is renewed during the drain, then its certificate authority rotated",
    options: { shutdownMs: 8_000, eks: true },
    during: async ({ aws, kubernetes }) => {
      await kubernetes.rotateCertificate();
      await pause(2_000);
      await kubernetes.rotateCertificate({ newAuthority: true });
      aws.createCluster({ name: CLUSTER, endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
    },
  },
];

export const unusualConditions: readonly FaultScenario[] = CONDITIONS.map((condition) => ({
  name: condition.name,
  busy: false,
  run: () => drainUnder(condition),
}));

async function drainUnder({ options, before, during }: UnusualCondition): Promise<FaultResult> {
  await using fixture = await FaultEnvironment.open(options);
  before?.(fixture);
  const startedAt = Date.now();
  const [instance = ''] = fixture.instances;
  const worker = fixture.drain(instance);
  if (during !== undefined) {
    await worker.line('eviction accepted');
    await during(fixture);
  }
  await worker.ended();
  return await resultOf(fixture, seconds(Date.now() - startedAt));
}
