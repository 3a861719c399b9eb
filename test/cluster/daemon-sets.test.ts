import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { daemonSet } from './manifests.ts';
import { TERMINATING_TAINT } from './nodes.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());
const ALL = { DRAIN_DAEMONSETS: 'true' };

/** The DaemonSet's `desiredNumberScheduled`, once a pod is ready on each of these nodes and `fits` accepts it. */
async function desiredNodes({ namespace }: Scenario, fits: (nodes: number) => boolean): Promise<number> {
  return eventually('all pods of the DaemonSet are ready', async () => {
    const { status } = await cluster.admin.apps.readNamespacedDaemonSet({ name: 'agent', namespace });
    const { desiredNumberScheduled: wanted = 0, numberReady = 0, currentNumberScheduled = 0 } = status ?? {};
    return wanted === numberReady && wanted === currentNumberScheduled && fits(wanted) ? wanted : undefined;
  });
}

// A log shipper that is killed with the instance loses the last log lines of other pods; evicted too early, it loses more.
test('DRAIN_DAEMONSETS=true evicts DaemonSet pods last, and they do not return', async (t) => {
  const scenario = await Scenario.open(t, cluster, { daemonSetsLeave: true });
  const { namespace, worker } = scenario;
  const [agent] = await scenario.startOnWorker(daemonSet(namespace, 'agent'), 1);
  const nodes = await desiredNodes(scenario, (count) => count > 1);
  await scenario.pod('dns', { held: true, spec: { priorityClassName: 'system-node-critical' } });
  const drainer = scenario.drain(ALL);
  const name = agent?.metadata?.name ?? '';
  await drainer.reports(
    'that the agent is evicted last',
    ({ event, pod, reason }) =>
      event === 'pod skipped' && pod === `${namespace}/${name}` && /evicted last$/.test(reason ?? ''),
  );
  await scenario.terminating('dns');
  assert.equal((await scenario.findPod(name))?.metadata?.deletionTimestamp, undefined);
  await scenario.release('dns');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.evictions(drainer), ['dns', name].sort());
  assert.equal(await desiredNodes(scenario, (count) => count < nodes), nodes - 1);
  assert.ok((await scenario.pods()).every(({ spec }) => spec?.nodeName !== worker));
  const { spec } = await cluster.admin.core.readNode({ name: worker });
  const ours = spec?.taints?.filter(({ key }) => key === TERMINATING_TAINT);
  assert.deepEqual(
    ours?.map(({ effect }) => effect),
    ['NoSchedule'],
  );
  await scenario.noHarm();
});

// No taint repels such a pod: it is evicted and returns for as long as the instance runs.
test('with DRAIN_DAEMONSETS=true a DaemonSet pod that tolerates every taint is skipped', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  const tolerant = daemonSet(namespace, 'agent', { tolerations: [{ operator: 'Exists' }] });
  const [agent] = await scenario.startOnWorker(tolerant, 1);
  const drainer = scenario.drain(ALL);
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const skipped = lines.find(({ pod }) => pod === `${namespace}/${agent?.metadata?.name}`);
  assert.equal(skipped?.event, 'pod skipped');
  assert.match(skipped?.reason ?? '', /^belongs to DaemonSet agent and tolerates every taint/);
  assert.equal((await scenario.findPod(agent?.metadata?.name ?? ''))?.metadata?.uid, agent?.metadata?.uid);
  assert.deepEqual(await scenario.evictions(drainer), []);
  await scenario.noHarm();
});
