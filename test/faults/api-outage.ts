import { setTimeout as pause } from 'node:timers/promises';
import type { SimulatedRequest } from '../simulator/faults.ts';
import { FaultEnvironment } from './fault-environment.ts';
import { evictedTwice, resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { attachVolume, detachVolume } from './volume.ts';

const OUTAGE_MS = 60_000;

/** The request during which the API server becomes unreachable, for each stage of a drain. */
const STAGES: Readonly<Record<string, (request: SimulatedRequest) => boolean>> = {
  connect: ({ path }) => path === '/api/v1',
  find: ({ method, path }) => method === 'GET' && path.startsWith('/api/v1/nodes'),
  cordon: ({ method, path }) => method === 'PATCH' && path.startsWith('/api/v1/nodes/'),
  evict: ({ path }) => path.endsWith('/pod-0-5/eviction'),
  wait: () => false,
  detach: ({ method, path }) => method === 'GET' && path.includes('/volumeattachments'),
};

/** The API server is unreachable for a minute at each stage: it refuses new connections and closes open ones. */
export const apiOutages: readonly FaultScenario[] = Object.entries(STAGES).map(([stage, isStage]) => ({
  name: `API server unreachable for 60 s at the stage "${stage}"`,
  busy: false,
  run: () => outageAt(stage, isStage),
}));

async function outageAt(stage: string, isStage: (request: SimulatedRequest) => boolean): Promise<FaultResult> {
  await using fixture = await FaultEnvironment.open({ shutdownMs: stage === 'wait' ? 20_000 : 500 });
  if (stage === 'detach') await attachVolume(fixture);
  let ended: Promise<void> | undefined;
  const start = () => {
    ended ??= outage(fixture);
  };
  fixture.kubernetes.faults.add({
    when: (request) => {
      if (ended === undefined && isStage(request)) start();
      return false;
    },
    fault: { kind: 'reset' },
  });
  const startedAt = Date.now();
  const [instance = ''] = fixture.instances;
  const worker = fixture.drain(instance);
  if (stage === 'wait') {
    await worker.line('eviction accepted');
    setTimeout(start, 2_000);
  }
  if (stage === 'detach')
    worker.line('volumes attached').then(
      async () => {
        await ended;
        await detachVolume(fixture);
      },
      () => undefined,
    );
  await worker.ended();
  await ended;
  const [action] = fixture.aws.lifecycleActions(instance);
  const twice = evictedTwice(fixture);
  const figures = `${seconds(Date.now() - startedAt)}, ${action?.heartbeats} heartbeats, ${twice} evicted twice`;
  const problems = [
    ...(ended === undefined ? ['there was no outage'] : []),
    ...(twice > 0 ? [`${twice} evicted twice`] : []),
  ];
  return await resultOf(fixture, figures, problems);
}

async function outage({ kubernetes }: FaultEnvironment): Promise<void> {
  const refusal = await kubernetes.refuseConnections();
  await pause(OUTAGE_MS);
  await refusal.end();
}
