import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { V1Deployment, V1DeploymentSpec } from '@kubernetes/client-node';
import { merge } from './admin.ts';
import type { Drainer } from './drainer.ts';
import { type BudgetRule, deployment, statefulSet } from './manifests.ts';
import { resetNode, workers } from './nodes.ts';
import { grantSurge } from './rights.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';
import { pool, watchReady } from './workloads.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const SURGE = { SURGE: 'blocked' };
const RESTARTED = 'kubectl.kubernetes.io/restartedAt';

/** A Deployment whose pods are all on the worker, need this long to become ready, and are under a budget. */
async function deploy(
  scenario: Scenario,
  replicas: number,
  budget: BudgetRule,
  spec: Partial<V1DeploymentSpec> = {},
  readyMs = 1_500,
): Promise<void> {
  const slow = { replicas, annotations: { 'lab/ready-ms': String(readyMs) } };
  await scenario.startOnWorker(deployment(scenario.namespace, 'web', slow, spec), replicas);
  await scenario.budget('strict', 'web', budget, replicas);
}

const read = ({ namespace }: Scenario): Promise<V1Deployment> =>
  cluster.admin.apps.readNamespacedDeployment({ name: 'web', namespace });

const change = ({ namespace }: Scenario, body: object): Promise<V1Deployment> =>
  cluster.admin.apps.patchNamespacedDeployment({ name: 'web', namespace, body }, merge);

const restartedAt = ({ spec }: V1Deployment): string | undefined => spec?.template.metadata?.annotations?.[RESTARTED];

/** How many templates the Deployment has had. */
async function revisions({ namespace }: Scenario): Promise<number> {
  return (await cluster.admin.apps.listNamespacedReplicaSet({ namespace })).items.length;
}

/** The drain waits, and goes on waiting while its pods are where they are. Then the budget goes, and the drain ends. */
async function endsWithoutBudget(scenario: Scenario, drainer: Drainer): Promise<void> {
  assert.ok(drainer.isRunning);
  await scenario.deleteBudget('strict');
  assert.equal((await drainer.ended()).exitCode, 0);
  await scenario.noHarm();
}

// One replica with minAvailable 1: kubectl drain never ends, and other drainers delete the pod at last, before another is ready.
for (const [what, replicas, rule] of [
  ['one replica and minAvailable 1', 1, { minAvailable: 1 }],
  ['one replica and maxUnavailable 0', 1, { maxUnavailable: 0 }],
  ['three replicas and minAvailable 3', 3, { minAvailable: 3 }],
] as const) {
  test(`with SURGE=blocked a Deployment of ${what} leaves the node, and always has as many ready pods`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    await grantSurge(t, cluster);
    await deploy(scenario, replicas, rule);
    const ready = watchReady(scenario);
    const { exitCode, lines } = await scenario.drain(SURGE).ended();
    assert.equal(await ready.stop(), replicas);
    assert.equal(exitCode, 0);
    assert.ok((await scenario.ready('web', replicas)).every(({ spec }) => spec?.nodeName !== scenario.worker));
    assert.equal(await revisions(scenario), 2);
    assert.equal(lines.filter(({ event }) => event === 'surge started').length, 1);
    assert.ok(lines.some(({ waitReason }) => waitReason === 'surge'));
    await scenario.noHarm();
  });
}

// It was not asked for, and the right alone is no order.
test('without SURGE nothing is restarted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  await deploy(scenario, 1, { minAvailable: 1 }, {}, 100);
  const drainer = scenario.drain();
  await drainer.reports('that a budget blocks', ({ waitReason }) => waitReason === 'budget');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(restartedAt(await read(scenario)), undefined);
  await endsWithoutBudget(scenario, drainer);
});

/** Drains the worker, and expects that its workload is named, and not restarted. */
async function notPossible(scenario: Scenario, workload: string, reason: RegExp): Promise<void> {
  const drainer = scenario.drain(SURGE);
  const line = await drainer.reports('that no surge is possible', ({ event }) => event === 'surge not possible');
  assert.equal(line.level, 'warn');
  assert.equal(line['workload'], workload);
  assert.match(String(line.reason), reason);
  assert.ok(!drainer.lines.some(({ event }) => event === 'surge started'));
  await endsWithoutBudget(scenario, drainer);
}

// Their restart is the interruption that the budget forbids.
for (const [what, spec, reason] of [
  ['strategy Recreate', { strategy: { type: 'Recreate' } }, /Recreate/],
  ['maxSurge 0', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } }, /maxSurge is 0/],
] as const) {
  test(`a Deployment with ${what} is named, and never restarted`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    await grantSurge(t, cluster);
    await deploy(scenario, 1, { minAvailable: 1 }, spec, 100);
    await notPossible(scenario, `Deployment ${scenario.namespace}/web`, reason);
    assert.equal(restartedAt(await read(scenario)), undefined);
  });
}

test('a StatefulSet is named, and never restarted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  await scenario.startOnWorker(statefulSet(scenario.namespace, 'web', { replicas: 1 }), 1);
  await scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
  await notPossible(scenario, `StatefulSet ${scenario.namespace}/web`, /StatefulSet/);
  const { namespace } = scenario;
  const { spec } = await cluster.admin.apps.readNamespacedStatefulSet({ name: 'web', namespace });
  assert.equal(spec?.template.metadata?.annotations?.[RESTARTED], undefined);
});

// A restart of a paused Deployment changes its template under the hands of whoever has paused it.
test('a paused Deployment is named, and never restarted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  await deploy(scenario, 1, { minAvailable: 1 }, {}, 100);
  await change(scenario, { spec: { paused: true } });
  await notPossible(scenario, `Deployment ${scenario.namespace}/web`, /paused/);
  assert.equal(restartedAt(await read(scenario)), undefined);
});

// The administrator has set SURGE and not applied surge.yaml: the drain of every node must not fail for that.
test('without the rights of infra/kubernetes/surge.yaml there is one warning that names it, and the drain goes on', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await deploy(scenario, 1, { minAvailable: 1 }, {}, 100);
  const drainer = scenario.drain(SURGE);
  const isWarning = ({ event, message }: { event: string; message: string }) =>
    event === 'warning' && message.includes('infra/kubernetes/surge.yaml');
  const { message } = await drainer.reports('the missing right', isWarning);
  assert.match(message, /cannot patch resource "deployments" in API group "apps"/);
  await endsWithoutBudget(scenario, drainer);
  assert.equal(drainer.lines.filter(isWarning).length, 1);
  assert.equal(restartedAt(await read(scenario)), undefined);
});

/** Takes every restart back, as a GitOps manager does that knows no such annotation. */
function revert(t: TestContext, scenario: Scenario): void {
  let isOver = false;
  const reverting = (async () => {
    while (!isOver) {
      if (restartedAt(await read(scenario)) !== undefined)
        await change(scenario, { spec: { template: { metadata: { annotations: { [RESTARTED]: null } } } } });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  t.after(async () => {
    isOver = true;
    await reverting.catch(() => undefined);
  });
}

// Two controllers that each put their template back replace the pods of an application for ever.
test('a restart that a GitOps manager takes back is a warning, and is not repeated', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  await deploy(scenario, 1, { minAvailable: 1 }, {}, 3_000);
  revert(t, scenario);
  const drainer = scenario.drain(SURGE);
  const failed = await drainer.reports('that the restart failed', ({ event }) => event === 'surge failed');
  assert.match(String(failed.reason), /taken the restart back/);
  // Long enough for a second try.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(await revisions(scenario), 2);
  assert.equal(drainer.lines.filter(({ event }) => event === 'surge started').length, 1);
  await endsWithoutBudget(scenario, drainer);
});

// The cluster has no room for the new pod: a drain that waits only for its own restart waits for ever, and in silence.
test('a restart that makes no progress is a warning; when there is room it goes on by itself, and the pod leaves', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  const others = (await workers(cluster.admin)).filter((name) => name !== scenario.worker);
  await deploy(scenario, 1, { minAvailable: 1 }, { progressDeadlineSeconds: 2 }, 100);
  for (const node of others) await pool(scenario, node, false);
  const ready = watchReady(scenario);
  const drainer = scenario.drain(SURGE);
  const failed = await drainer.reports('that the restart failed', ({ event }) => event === 'surge failed');
  assert.match(String(failed.reason), /ProgressDeadlineExceeded/);
  assert.ok(drainer.isRunning);
  for (const node of others) await pool(scenario, node, true);
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.equal(await ready.stop(), 1);
  assert.equal(await revisions(scenario), 2);
  await scenario.noHarm();
});

// Thirty nodes are replaced at once: each drain sees a Deployment that has to be restarted, and the pods are replaced thirty times.
test('two drains at once restart a Deployment once', async (t) => {
  const [first = '', second = '', third] = await workers(cluster.admin);
  if (third === undefined) return t.skip('the cluster has two worker nodes');
  const scenario = await Scenario.open(t, cluster);
  t.after(() => resetNode(cluster.admin, second));
  await grantSurge(t, cluster);
  const slow = { replicas: 1, annotations: { 'lab/ready-ms': '1500' } };
  await pool(scenario, first, true);
  await scenario.create(deployment(scenario.namespace, 'web', slow));
  await scenario.ready('web', 1);
  await pool(scenario, first, false);
  await pool(scenario, second, true);
  await change(scenario, { spec: { replicas: 2 } });
  await scenario.ready('web', 2);
  await scenario.budget('strict', 'web', { minAvailable: 2 }, 2);

  const ready = watchReady(scenario);
  const drainers = [first, second].map((node) => scenario.drain(SURGE, { node }));
  for (const drainer of drainers)
    await drainer.reports('that it waits for the rollout', ({ waitReason }) => waitReason === 'surge');
  await pool(scenario, third, true);
  const ended = await Promise.all(drainers.map((drainer) => drainer.ended()));
  assert.equal(await ready.stop(), 2);
  assert.deepEqual(
    ended.map(({ exitCode }) => exitCode),
    [0, 0],
  );
  assert.ok((await scenario.ready('web', 2)).every(({ spec }) => spec?.nodeName === third));
  assert.equal(await revisions(scenario), 2);
  const started = ended.flatMap(({ lines }) => lines.filter(({ event }) => event === 'surge started'));
  assert.equal(started.length, 1);
  await scenario.noHarm();
});

// A task is stopped by Fargate in the middle of a restart: its successor finds a budget that seems to need only time.
test('the restart of a task that was killed is left to end by its successor, and not repeated', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  const others = (await workers(cluster.admin)).filter((name) => name !== scenario.worker);
  await deploy(scenario, 1, { minAvailable: 1 }, {}, 500);
  for (const node of others) await pool(scenario, node, false);
  const ready = watchReady(scenario);
  const drainer = scenario.drain(SURGE);
  await drainer.reports('the restart', ({ event }) => event === 'surge started');
  await drainer.kill();
  const successor = scenario.drain(SURGE);
  await successor.reports('that it waits for the rollout', ({ waitReason }) => waitReason === 'surge');
  for (const node of others) await pool(scenario, node, true);
  const { exitCode, lines } = await successor.ended();
  assert.equal(await ready.stop(), 1);
  assert.equal(exitCode, 0);
  assert.ok(!lines.some(({ event }) => event === 'surge started' || event === 'surge not possible'));
  assert.equal(await revisions(scenario), 2);
  await scenario.noHarm();
});

// A new version is being deployed when the node goes: a restart on top of it throws its new pods away.
test('a rollout of somebody else is left to end, and moves the pod', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await grantSurge(t, cluster);
  const nodes = await workers(cluster.admin);
  await deploy(scenario, 1, { minAvailable: 1 }, {}, 500);
  for (const node of nodes) await pool(scenario, node, false);
  await change(scenario, { spec: { template: { metadata: { annotations: { version: '2' } } } } });
  const ready = watchReady(scenario);
  const drainer = scenario.drain(SURGE);
  await drainer.reports('that it waits for the rollout', ({ waitReason }) => waitReason === 'surge');
  for (const node of nodes) await pool(scenario, node, true);
  const { exitCode } = await drainer.ended();
  assert.equal(await ready.stop(), 1);
  assert.equal(exitCode, 0);
  assert.equal(restartedAt(await read(scenario)), undefined);
  assert.equal(await revisions(scenario), 2);
  await scenario.noHarm();
});
