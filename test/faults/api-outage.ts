import { setTimeout as pause } from 'node:timers/promises';
import type { SimulatedRequest } from '../simulator/faults.ts';
import { nodeOf, Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { evictedTwice, seconds, verdictOf } from './verdict.ts';

const OUTAGE_MS = 60_000;

/** The request of each stage of a drain, in whose middle the API server goes. */
const STAGES: Readonly<Record<string, (request: SimulatedRequest) => boolean>> = {
  connect: ({ path }) => path === '/api/v1',
  find: ({ method, path }) => method === 'GET' && path.startsWith('/api/v1/nodes'),
  cordon: ({ method, path }) => method === 'PATCH' && path.startsWith('/api/v1/nodes/'),
  evict: ({ path }) => path.endsWith('/pod-0-5/eviction'),
  wait: () => false,
  settle: ({ method, path }) => method === 'GET' && path.includes('/volumeattachments'),
};

/** The API server gone for a minute at each stage: connections refused, those that are open closed. */
export const apiOutages: readonly FaultScenario[] = Object.entries(STAGES).map(([stage, isStage]) => ({
  name: `API server gone for 60 s while the worker would ${stage}`,
  busy: false,
  run: () => outageAt(stage, isStage),
}));

async function outageAt(stage: string, isStage: (request: SimulatedRequest) => boolean): Promise<Figure> {
  await using town = await Town.open({ shutdownMs: stage === 'wait' ? 20_000 : 500 });
  if (stage === 'settle') await attachVolume(town);
  let over: Promise<void> | undefined;
  const begin = () => {
    over ??= outage(town);
  };
  town.kubernetes.faults.add({
    when: (request) => {
      if (over === undefined && isStage(request)) begin();
      return false;
    },
    fault: { kind: 'reset' },
  });
  const startedAt = Date.now();
  const [instance = ''] = town.instances;
  const worker = town.drain(instance);
  if (stage === 'wait') {
    await worker.line('eviction accepted');
    setTimeout(begin, 2_000);
  }
  if (stage === 'settle')
    worker.line('volumes attached').then(
      () => detachVolume(town, over),
      () => undefined,
    );
  await worker.ended();
  await over;
  const [action] = town.aws.lifecycleActions(instance);
  const twice = evictedTwice(town);
  const told = `${seconds(Date.now() - startedAt)}, ${action?.beats} beats, ${twice} evicted twice`;
  const faults = [
    ...(over === undefined ? ['there was no outage'] : []),
    ...(twice > 0 ? [`${twice} evicted twice`] : []),
  ];
  return await verdictOf(town, told, faults);
}

async function outage({ kubernetes }: Town): Promise<void> {
  const refusal = await kubernetes.refuseConnections();
  await pause(OUTAGE_MS);
  await refusal.end();
}

const ATTACHMENT = 'town-volume';

/** Pod 0 has a volume, which stays attached until the outage is over. */
async function attachVolume(town: Town): Promise<void> {
  const namespace = 'default';
  await town.core.createPersistentVolume({
    body: {
      metadata: { name: ATTACHMENT },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        claimRef: { namespace, name: 'data' },
        csi: { driver: 'test.fargate-node-drainer', volumeHandle: ATTACHMENT },
      },
    },
  });
  await town.core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name: 'pod-0-data', annotations: { 'lab/shutdown-ms': '500' } },
      spec: {
        nodeName: nodeOf(0),
        containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    },
  });
  await town.storage.createVolumeAttachment({
    body: {
      metadata: { name: ATTACHMENT },
      spec: {
        attacher: 'test.fargate-node-drainer',
        nodeName: nodeOf(0),
        source: { persistentVolumeName: ATTACHMENT },
      },
    },
  });
}

async function detachVolume(town: Town, over: Promise<void> | undefined): Promise<void> {
  await over;
  await town.storage.deleteVolumeAttachment({ name: ATTACHMENT });
}
