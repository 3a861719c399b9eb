import { setTimeout as pause } from 'node:timers/promises';
import { garbage } from '../simulator/faults.ts';
import { CLUSTER, Town, type TownOptions } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { seconds, verdictOf } from './verdict.ts';

type Oddity = {
  readonly name: string;
  readonly town: TownOptions;
  /** Before the worker starts. */
  readonly before?: (town: Town) => void;
  /** Once its first pod is going. */
  readonly during?: (town: Town) => Promise<void>;
};

const offBy = (minutes: number): TownOptions => ({
  eks: true,
  aws: { now: () => Date.now() + minutes * 60_000 },
});

const ODDITIES: readonly Oddity[] = [
  { name: "the worker's clock is 10 minutes behind that of AWS", town: offBy(10) },
  { name: "the worker's clock is 10 minutes ahead of that of AWS", town: offBy(-10) },
  {
    name: 'answers of 50 MB to three lists of pods',
    town: {},
    before: ({ kubernetes }) => {
      kubernetes.faults.add({
        when: ({ path, query }) => path.endsWith('/pods') && !query.has('watch'),
        times: 3,
        fault: { kind: 'padding', bytes: 50_000_000 },
      });
    },
  },
  {
    name: 'watches that send garbage, four kinds, in mid-drain',
    town: { shutdownMs: 8_000 },
    during: async ({ kubernetes }) => {
      for (const text of [garbage.notJson, garbage.unknownType, garbage.halfLine, 'x'.repeat(1_000_000)]) {
        kubernetes.garbleWatches(text);
        await pause(1_000);
      }
    },
  },
  {
    name: "the API server's certificate is renewed in mid-drain, then its authority replaced",
    town: { shutdownMs: 8_000, eks: true },
    during: async ({ aws, kubernetes }) => {
      await kubernetes.rotateCertificate();
      await pause(2_000);
      await kubernetes.rotateCertificate({ newAuthority: true });
      aws.createCluster({ name: CLUSTER, endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
    },
  },
];

export const oddities: readonly FaultScenario[] = ODDITIES.map((oddity) => ({
  name: oddity.name,
  busy: false,
  run: () => meet(oddity),
}));

async function meet({ town: options, before, during }: Oddity): Promise<Figure> {
  await using town = await Town.open(options);
  before?.(town);
  const startedAt = Date.now();
  const [instance = ''] = town.instances;
  const worker = town.drain(instance);
  if (during !== undefined) {
    await worker.line('eviction accepted');
    await during(town);
  }
  await worker.ended();
  return await verdictOf(town, seconds(Date.now() - startedAt));
}
