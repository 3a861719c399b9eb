import { setTimeout as pause } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { GROUP } from '../process/account.ts';
import { FaultEnvironment, type FaultEnvironmentOptions, NAMESPACE, nodeOf } from './fault-environment.ts';
import { runPods } from './pods.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { attachVolume, detachVolume } from './volume.ts';

type ClusterEvent = {
  readonly name: string;
  readonly options: FaultEnvironmentOptions;
  /** Drains, and causes what happens to the cluster meanwhile. Resolves with what went wrong. */
  readonly run: (fixture: FaultEnvironment) => Promise<readonly string[]>;
};

const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

const DEADLINE_SECONDS = 30;
const MARGIN_SECONDS = 2;
/** Seconds; each of these pods uses all of its grace period. */
const GRACES = [1, 3, 8, 15, 20];

const EVENTS: readonly ClusterEvent[] = [
  {
    name: 'two tasks, the second of which evicts nothing, and a volume that is detached 10 s after the last pod',
    options: { podsPerNode: 3 },
    run: async (fixture) => {
      await attachVolume(fixture);
      const [instance = ''] = fixture.instances;
      const first = fixture.drain(instance);
      await first.line('volumes attached');
      const second = fixture.start('drain', { INSTANCE_ID: instance, AUTO_SCALING_GROUP_NAME: GROUP });
      await pause(10_000);
      await detachVolume(fixture);
      const codes = (await Promise.all([first.ended(), second.ended()])).map(({ code }) => code);
      return codes.every((code) => code === 0) ? [] : [`exit codes ${codes.join(' and ')}`];
    },
  },
  {
    name: 'the kubelet falls silent for 40 s, twice, while pods take 95 s to end',
    options: { podsPerNode: 5, shutdownMs: 95_000 },
    run: async (fixture) => {
      const worker = fixture.drain(fixture.instances[0] ?? '');
      await worker.line('eviction accepted');
      for (let flap = 0; flap < 2; flap++) {
        await setReady(fixture, 'Unknown');
        await pause(40_000);
        await setReady(fixture, 'True');
        await pause(2_000);
      }
      await worker.ended();
      return [];
    },
  },
  {
    name: 'the node object is deleted during the drain, and registered again 5 s later by the same kubelet',
    options: { podsPerNode: 5 },
    run: async (fixture) => {
      const allow = await fixture.block();
      const [instance = ''] = fixture.instances;
      const worker = fixture.drain(instance);
      await worker.line('pod waiting');
      await fixture.core.deleteNode({ name: nodeOf(0) });
      await worker.line('node deleted');
      await pause(5_000);
      const metadata = { name: nodeOf(0) };
      const spec = { providerID: `aws:///eu-west-1a/${instance}` };
      const status = { conditions: [{ type: 'Ready', status: 'True' }] };
      await fixture.core.createNode({ body: { metadata, spec, status } });
      while ((await fixture.core.readNode(metadata)).spec?.unschedulable !== true) await pause(100);
      await allow();
      await worker.ended();
      return [];
    },
  },
  {
    name: 'a webhook denies the eviction of one of 10 pods with 429 for 30 s',
    options: {},
    run: async (fixture) => {
      const webhook = fixture.kubernetes.webhooks.add({
        name: 'keep.example.com',
        operation: 'eviction',
        when: ({ name }) => name === 'pod-0-3',
        answer: { code: 429, message: 'the virtual machine is being migrated' },
      });
      const worker = fixture.drain(fixture.instances[0] ?? '');
      await pause(8_000);
      const left = (await fixture.remainingPods()).length;
      await pause(22_000);
      webhook.remove();
      await worker.ended();
      return left === 1 ? [] : [`${left} pods were left after 8 s`];
    },
  },
  {
    name: `a deadline of ${DEADLINE_SECONDS} s, pods with ${GRACES.join(', ')} s of grace, and a budget that never allows`,
    options: { podsPerNode: 0, witness: { lastResortSeconds: MARGIN_SECONDS } },
    run: async (fixture) => {
      const pods = GRACES.map((graceSeconds) => ({
        name: `pod-0-${graceSeconds}`,
        nodeName: nodeOf(0),
        shutdownMs: 3_600_000,
        graceSeconds,
      }));
      await runPods(fixture.core, NAMESPACE, pods);
      await fixture.block();
      const worker = fixture.drain(fixture.instances[0] ?? '', {
        DRAIN_DEADLINE_SECONDS: String(DEADLINE_SECONDS),
        LAST_RESORT_SECONDS: String(MARGIN_SECONDS),
      });
      const found = await worker.line('node found');
      fixture.witness.endsBy(nodeOf(0), Date.parse(String(found['time'])) + DEADLINE_SECONDS * 1_000);
      const { lines } = await worker.ended();
      const deleted = lines.filter(({ action }) => action === 'delete').map(({ pod }) => pod);
      return deleted.length === GRACES.length ? [] : [`${deleted.length} of ${GRACES.length} pods were deleted`];
    },
  },
  {
    name: 'a load balancer with externalTrafficPolicy Local that needs 4 s to let a node go, and three nodes at once',
    options: {
      nodes: 3,
      podsPerNode: 4,
      shutdownMs: 3_000,
      witness: { loadBalancers: { deregistrationMs: 4_000, unhealthyMs: 1_000 } },
    },
    run: async (fixture) => {
      await fixture.core.createNamespacedService({
        namespace: NAMESPACE,
        body: {
          metadata: { name: 'web' },
          spec: {
            type: 'LoadBalancer',
            externalTrafficPolicy: 'Local',
            selector: { app: 'faults' },
            ports: [{ port: 80 }],
          },
        },
      });
      const allow = await fixture.block();
      const workers = fixture.instances.map((id) => fixture.drain(id, { LOAD_BALANCER_SECONDS: '6' }));
      for (const worker of workers) await worker.line('pod waiting');
      await pause(5_000);
      await allow();
      await Promise.all(workers.map((worker) => worker.ended()));
      return [];
    },
  },
];

/** What happens to pods, nodes, volumes and traffic while the API and AWS work. */
export const clusterEvents: readonly FaultScenario[] = EVENTS.map(({ name, options, run }) => ({
  name,
  busy: false,
  run: async (): Promise<FaultResult> => {
    await using fixture = await FaultEnvironment.open(options);
    const startedAt = Date.now();
    const problems = await run(fixture);
    return await resultOf(fixture, seconds(Date.now() - startedAt), problems);
  },
}));

async function setReady({ core }: FaultEnvironment, status: 'True' | 'Unknown'): Promise<void> {
  const body = { status: { conditions: [{ type: 'Ready', status, lastTransitionTime: new Date().toISOString() }] } };
  await core.patchNodeStatus({ name: nodeOf(0), body }, merge);
}
