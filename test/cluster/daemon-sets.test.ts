import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { daemonSet } from './manifests.ts';
import { TERMINATING_TAINT } from './nodes.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());
const ALL = { DRAIN_DAEMONSETS: 'true' };

/** How many nodes the controller wants the set on, once it has its pod on each of them. */
async function settled({ namespace }: Scenario, fits: (nodes: number) => boolean): Promise<number> {
  return eventually('the DaemonSet has settled', async () => {
    const { status } = await lab.admin.apps.readNamespacedDaemonSet({ name: 'agent', namespace });
    const { desiredNumberScheduled: wanted = 0, numberReady = 0, currentNumberScheduled = 0 } = status ?? {};
    return wanted === numberReady && wanted === currentNumberScheduled && fits(wanted) ? wanted : undefined;
  });
}

// A log shipper that is killed with the machine loses what the others said last; ended too early, all they said.
test('DRAIN_DAEMONSETS=true ends the pods of DaemonSets last, and they do not come back', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { namespace, worker } = scenario;
  const [agent] = await scenario.startOnWorker(daemonSet(namespace, 'agent'), 1);
  const nodes = await settled(scenario, (count) => count > 1);
  await scenario.pod('dns', { held: true, spec: { priorityClassName: 'system-node-critical' } });
  const drainer = scenario.drain(ALL);
  const name = agent?.metadata?.name ?? '';
  await drainer.says(
    'that the agent waits',
    ({ pod, waitReason }) => pod === `${namespace}/${name}` && waitReason === 'priority',
  );
  await scenario.terminating('dns');
  assert.equal((await scenario.podNow(name))?.metadata?.deletionTimestamp, undefined);
  await scenario.release('dns');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.evictions(drainer), ['dns', name].sort());
  assert.equal(await settled(scenario, (count) => count < nodes), nodes - 1);
  assert.ok((await scenario.pods()).every(({ spec }) => spec?.nodeName !== worker));
  const { spec } = await lab.admin.core.readNode({ name: worker });
  const ours = spec?.taints?.filter(({ key }) => key === TERMINATING_TAINT);
  assert.deepEqual(
    ours?.map(({ effect }) => effect),
    ['NoSchedule'],
  );
});

// No taint keeps such a pod away: it would be ended, and come back, for as long as the machine runs.
test('with DRAIN_DAEMONSETS=true a DaemonSet that tolerates everything is left', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { namespace } = scenario;
  const lasting = daemonSet(namespace, 'agent', { tolerations: [{ operator: 'Exists' }] });
  const [agent] = await scenario.startOnWorker(lasting, 1);
  const drainer = scenario.drain(ALL);
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const left = lines.find(({ pod }) => pod === `${namespace}/${agent?.metadata?.name}`);
  assert.equal(left?.event, 'pod skipped');
  assert.match(left?.reason ?? '', /^belongs to DaemonSet agent and tolerates every taint/);
  assert.equal((await scenario.podNow(agent?.metadata?.name ?? ''))?.metadata?.uid, agent?.metadata?.uid);
  assert.deepEqual(await scenario.evictions(drainer), []);
});
