import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { V1Node } from '@kubernetes/client-node';
import { Program } from '../process/program.ts';
import { merge } from './admin.ts';
import { podOn } from './manifests.ts';
import { EXCLUSION, TERMINATING_TAINT } from './nodes.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const readWorker = ({ worker }: Scenario): Promise<V1Node> => cluster.admin.core.readNode({ name: worker });

/** A Service for the pods `app=web`, whose load balancer sends only to nodes that have one. */
async function localService(scenario: Scenario): Promise<void> {
  await scenario.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      selector: { app: 'web' },
      ports: [{ port: 80 }],
    },
  } as const);
}

async function terminationOf(t: TestContext, scenario: Scenario): Promise<Termination> {
  const { spec } = await readWorker(scenario);
  const instanceId = instanceIdOf(spec?.providerID);
  return Termination.start(t, scenario, { instanceId, privateDnsName: scenario.worker });
}

// Ready pods that a budget holds get no traffic on a node that load balancers have left: an outage (kubernetes#65013).
test('load balancers keep the node until its last pod has left, and then have time to let it go', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await localService(scenario);
  await scenario.pod('web');
  await scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
  const termination = await terminationOf(t, scenario);
  const drainer = termination.drainByKubeconfig(cluster, { LOAD_BALANCER_SECONDS: '4' });
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  assert.equal((await readWorker(scenario)).spec?.unschedulable, true);
  assert.equal((await readWorker(scenario)).metadata?.labels?.[EXCLUSION], undefined, 'its pod still serves');
  await scenario.changeBudget('strict', { minAvailable: 0 });
  const excluded = await drainer.reports('the exclusion', ({ event }) => event === 'excluded from load balancers');
  assert.deepEqual(await scenario.pods(), []);
  assert.equal(termination.action.state, 'pending');
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const completed = lines.find(({ event }) => event === 'hook completed');
  const stayed = (completed?.time ?? 0) - excluded.time;
  assert.ok(stayed >= 3_900 && stayed < 8_000, `${stayed} ms`);
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.noHarm();
});

// The label at the cordon is an outage for as long as a budget holds ready pods on the node: whoever wants it has to ask for it.
test('with LOAD_BALANCER_EXCLUSION=start load balancers leave the node at the cordon, whoever is still on it', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await localService(scenario);
  await scenario.pod('web');
  await scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
  const termination = await terminationOf(t, scenario);
  const drainer = termination.drainByKubeconfig(cluster, { LOAD_BALANCER_EXCLUSION: 'start' });
  const cordoned = await drainer.reports('the cordon', ({ event }) => event === 'cordoned');
  assert.equal((await readWorker(scenario)).metadata?.labels?.[EXCLUSION], 'true');
  await eventually('two seconds have passed', () => Date.now() - cordoned.time > 2_500 || undefined);
  await scenario.changeBudget('strict', { minAvailable: 0 });
  assert.equal((await drainer.ended()).exitCode, 0);
  const why = 'the label is on the node while its budget holds the pod';
  await scenario.onlyHarm(why, { kind: 'held without traffic', pod: `${scenario.namespace}/web` });
});

// A pod that waited for its volume's first consumer is bound seconds after the cordon: without a last look it dies with the instance.
test('a pod that lands on the node while load balancers let it go is drained', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const termination = await terminationOf(t, scenario);
  const drainer = termination.drainByKubeconfig(cluster, { LOAD_BALANCER_SECONDS: '4' });
  await drainer.reports('the exclusion', ({ event }) => event === 'excluded from load balancers');
  await scenario.create(podOn(scenario.worker, 'late'));
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const late = `${scenario.namespace}/late`;
  const isOfLate = (what: string) => lines.findIndex(({ event, pod }) => event === what && pod === late);
  assert.ok(isOfLate('eviction accepted') > 0);
  assert.ok(isOfLate('pod gone') < lines.findIndex(({ event }) => event === 'hook completed'));
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

/** What `kubectl uncordon` leaves alone, and the drainer has no reason to change. */
function marksOf({ metadata, spec }: V1Node) {
  const { labels = {}, annotations = {} } = metadata ?? {};
  return { labels, annotations, taints: spec?.taints ?? [], unschedulable: spec?.unschedulable ?? false };
}

// A node that was drained by hand for a reboot serves no load balancer after `kubectl uncordon`, and nobody sees why.
test('a drain by name leaves nothing on the node that an uncordon does not remove', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('web');
  const before = marksOf(await readWorker(scenario));
  assert.equal((await scenario.drain().ended()).exitCode, 0);
  assert.equal((await readWorker(scenario)).spec?.unschedulable, true);
  await cluster.admin.core.patchNode({ name: scenario.worker, body: { spec: { unschedulable: null } } }, merge);
  await eventually('the node is as before', async () => {
    assert.deepEqual(marksOf(await readWorker(scenario)), before);
    return true;
  });
  await scenario.noHarm();
});

const FOREIGN = 'test.fargate-node-drainer/foreign';

// After a drain in vain, the node has to be put back into service: a mark that is forgotten keeps traffic or DaemonSets away for good.
test('undo uncordons the node and removes the marks of a drain, and those of nobody else', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { worker: name } = scenario;
  const before = marksOf(await readWorker(scenario));
  // Left by the drain of an earlier test, whose node an administrator has uncordoned.
  delete before.annotations['node-drainer/cordoned'];
  const foreign = { key: FOREIGN, value: 'x', effect: 'PreferNoSchedule' };
  const body = { metadata: { labels: { [FOREIGN]: 'x' } }, spec: { taints: [...before.taints, foreign] } };
  await cluster.admin.core.patchNode({ name, body }, merge);
  t.after(async () => {
    const taints = (await readWorker(scenario)).spec?.taints?.filter(({ key }) => key !== FOREIGN) ?? [];
    const clean = { metadata: { labels: { [FOREIGN]: null } }, spec: { taints } };
    await cluster.admin.core.patchNode({ name, body: clean }, merge);
  });
  const policies = { LOAD_BALANCER_EXCLUSION: 'end', LOAD_BALANCER_SECONDS: '0', DRAIN_DAEMONSETS: 'true' };
  assert.equal((await scenario.drain(policies).ended()).exitCode, 0);
  const drained = marksOf(await readWorker(scenario));
  assert.equal(drained.labels[EXCLUSION], 'true');
  assert.ok(drained.taints.some(({ key }) => key === TERMINATING_TAINT));

  const restored = async () => {
    const undo = new Program(['undo', '--kubeconfig', cluster.drainerFile, '--node', name], {});
    const { code, lines, stderr } = await undo.ended();
    assert.equal(code, 0, stderr);
    return lines.find(({ event }) => event === 'node restored')?.['changes'];
  };
  assert.deepEqual(await restored(), [
    'uncordoned',
    `taint ${TERMINATING_TAINT} removed`,
    `label ${EXCLUSION} removed`,
  ]);
  await eventually('the node is as before', async () => {
    const { labels, annotations, taints, unschedulable } = marksOf(await readWorker(scenario));
    assert.deepEqual(
      { labels, annotations, taints: taints.map(({ key }) => key), unschedulable },
      {
        ...before,
        labels: { ...before.labels, [FOREIGN]: 'x' },
        taints: [...before.taints, foreign].map(({ key }) => key),
      },
    );
    return true;
  });
  assert.deepEqual(await restored(), [], 'the second time there is nothing to undo');
  await scenario.noHarm();
});

// Somebody keeps a node out of all load balancers on purpose; after a drain and an undo it would be back in them.
test('undo leaves an exclusion label alone that was there before the drain', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { worker: name } = scenario;
  await cluster.admin.core.patchNode({ name, body: { metadata: { labels: { [EXCLUSION]: 'mine' } } } }, merge);
  const policies = { LOAD_BALANCER_EXCLUSION: 'end', LOAD_BALANCER_SECONDS: '0' };
  assert.equal((await scenario.drain(policies).ended()).exitCode, 0);
  const undo = new Program(['undo', '--kubeconfig', cluster.drainerFile, '--node', name], {});
  assert.equal((await undo.ended()).code, 0);
  const { metadata, spec } = await readWorker(scenario);
  assert.equal(spec?.unschedulable ?? false, false);
  assert.equal(metadata?.labels?.[EXCLUSION], 'mine');
  await scenario.noHarm();
});
