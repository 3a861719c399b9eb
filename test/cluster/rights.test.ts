import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { merge } from './admin.ts';
import { podOn, withClaims } from './manifests.ts';
import { EKSCTL_LABEL } from './nodes.ts';
import { applyRights, type Right, rightsGranted } from './rights.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openTestCluster } from './test-cluster.ts';
import { Volume } from './volume.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/**
 * A drain succeeds without these permissions. Events are best effort, and the API refuses the evictions that budgets forbid, whether
 * the drainer can read them or not. Conditions of the node are for others. Without a look at a workload its pods are evicted at once.
 * Without TargetGroupBindings, LOAD_BALANCER_SECONDS are waited for.
 */
const BEST_EFFORT = [
  'nodes/status',
  'evictionrequests',
  'evictions',
  'events',
  'poddisruptionbudgets',
  'deployments',
  'replicasets',
  'statefulsets',
  'targetgroupbindings',
];

/**
 * A drain that needs every permission: it finds its node by listing, a budget blocks its pods, ON_DEADLINE=force deletes them, the
 * volume of one pod stays attached for longer than VOLUME_DETACH_TIMEOUT_SECONDS, and that of another belongs to a pod that stays.
 */
async function demandingDrain(t: TestContext, scenario: Scenario, termination: Termination) {
  await scenario.pod('one', { labels: { app: 'web' } });
  await scenario.pod('two', { labels: { app: 'web' } });
  await scenario.pod('free');
  await scenario.budget('strict', 'web', { minAvailable: 2 }, 2);
  await (await Volume.create(t, scenario, 'data')).attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', withClaims('data')));
  await (await Volume.create(t, scenario, 'kept')).attachTo(scenario.worker);
  await scenario.pod('stays', { labels: { 'cluster.x-k8s.io/drain': 'skip' }, ...withClaims('kept') });
  scenario.witness.endsBy(scenario.worker, Date.now() + 2_000);
  const policies = {
    DRAIN_DEADLINE_SECONDS: '2',
    ON_DEADLINE: 'force',
    VOLUME_DETACH_TIMEOUT_SECONDS: '1',
    WAIT_FOR_TARGETS: 'on',
  };
  return termination.drainByKubeconfig(cluster, policies);
}

/** VOLUME_DETACH_TIMEOUT_SECONDS=1 asks for this. */
const VOLUME_ATTACHED = ['the volume is never detached', { kind: 'volume attached' }] as const;

/** The instance's private DNS name is not the node's name, so the drain has to search for the node. */
async function terminationOf(t: TestContext, scenario: Scenario): Promise<Termination> {
  const { worker: name } = scenario;
  const { spec } = await cluster.admin.core.readNode({ name });
  const instanceId = instanceIdOf(spec?.providerID);
  const body = { metadata: { labels: { [EKSCTL_LABEL]: instanceId } } };
  await cluster.admin.core.patchNode({ name, body }, merge);
  return Termination.start(t, scenario, { instanceId, privateDnsName: 'ip-10-9-9-9.eu-west-1.compute.internal' });
}

// A missing permission shows only in the drain that needs it.
test('infra/kubernetes/rbac.yaml grants every permission that a drain needs', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const termination = await terminationOf(t, scenario);
  const drainer = await demandingDrain(t, scenario, termination);
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(termination.action.result, 'CONTINUE');
  await scenario.onlyHarm(...VOLUME_ATTACHED);
});

const isBestEffort = ({ resource }: Right) => BEST_EFFORT.includes(resource);
const rights = await rightsGranted();

for (const right of rights.filter((each) => !isBestEffort(each))) {
  // A drain that ignores a missing permission completes the hook of an undrained node; a permission that no drain needs is a risk.
  test(`without permission to ${right.verb} ${right.resource} the drain fails and names it, and the hook is not completed`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const termination = await terminationOf(t, scenario);
    t.after(() => applyRights(cluster));
    await applyRights(cluster, right);
    const drainer = await demandingDrain(t, scenario, termination);
    const { exitCode, summary, lines } = await drainer.ended(20_000);
    assert.equal(exitCode, 1);
    assert.equal(summary.result, 'failed');
    const failed = lines.find(({ event }) => event === 'run failed');
    const denial = `cannot ${right.verb} resource "${right.resource}" in API group "${right.group}"`;
    assert.ok(failed?.message.includes(denial), failed?.message);
    assert.match(String(failed?.['advice']), /rbac\.yaml/);
    assert.equal(termination.action.state, 'pending');
    await scenario.noHarm();
  });
}

for (const right of rights.filter(isBestEffort)) {
  // An RBAC manifest from before Events were recorded makes every drain fail, and so does a webhook that hides the budgets.
  test(`without permission to ${right.verb} ${right.resource} the drain succeeds`, async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const termination = await terminationOf(t, scenario);
    t.after(() => applyRights(cluster));
    await applyRights(cluster, right);
    const drainer = await demandingDrain(t, scenario, termination);
    const { exitCode, summary, text } = await drainer.ended(20_000);
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    if (right.resource === 'events') assert.doesNotMatch(text, /forbidden/);
    assert.equal(termination.action.result, 'CONTINUE');
    await scenario.onlyHarm(...VOLUME_ATTACHED);
  });
}
