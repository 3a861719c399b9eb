import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { merge } from './admin.ts';
import { claiming, podOn } from './manifests.ts';
import { EKSCTL_LABEL } from './nodes.ts';
import { applyRights, type Right, rightsGranted } from './rights.ts';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openLab } from './test-cluster.ts';
import { Volume } from './volume.ts';

const lab = await openLab();
after(() => lab.close());

/** Without these a drain is as good: Events are told in passing, and nothing waits for them. */
const BEST_EFFORT = ['events'];

/**
 * A drain that needs everything: its node is only found by listing, a budget holds its pods, force lets them go, and the
 * volume of one of them stays attached for longer than it is waited for.
 */
async function demandingDrain(t: TestContext, scenario: Scenario, termination: Termination) {
  await scenario.pod('one', { labels: { app: 'web' } });
  await scenario.pod('two', { labels: { app: 'web' } });
  await scenario.pod('free');
  await scenario.budget('strict', 'web', { minAvailable: 2 }, 2);
  await (await Volume.of(t, scenario, 'data')).attachTo(scenario.worker);
  await scenario.create(podOn(scenario.worker, 'database', claiming('data')));
  const policies = { DRAIN_DEADLINE_SECONDS: '2', ON_DEADLINE: 'force', VOLUME_DETACH_TIMEOUT_SECONDS: '1' };
  return termination.drainByKubeconfig(lab, policies);
}

/** The node of the instance bears another name than EC2's, so that it has to be looked for. */
async function terminationOf(t: TestContext, { worker: name }: Scenario): Promise<Termination> {
  const { spec } = await lab.admin.core.readNode({ name });
  const instanceId = instanceIdOf(spec?.providerID);
  const body = { metadata: { labels: { [EKSCTL_LABEL]: instanceId } } };
  await lab.admin.core.patchNode({ name, body }, merge);
  return Termination.of(t, { instanceId, privateDnsName: 'ip-10-9-9-9.eu-west-1.compute.internal' });
}

// Rights that are missing show only in the case that needs them, which may be the night of the scale-in.
test('infra/kubernetes/rbac.yaml grants all that a drain needs', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const termination = await terminationOf(t, scenario);
  const drainer = await demandingDrain(t, scenario, termination);
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.equal(termination.action.result, 'CONTINUE');
});

const isBestEffort = ({ resource }: Right) => BEST_EFFORT.includes(resource);
const rights = await rightsGranted();

for (const right of rights.filter((each) => !isBestEffort(each))) {
  // A right that nothing needs is one too many; one that is missed in silence drains nothing and completes the hook.
  test(`without the right to ${right.verb} ${right.resource} the drain fails and says so, and the hook is left alone`, async (t) => {
    const scenario = await Scenario.open(t, lab);
    const termination = await terminationOf(t, scenario);
    t.after(() => applyRights(lab));
    await applyRights(lab, right);
    const drainer = await demandingDrain(t, scenario, termination);
    const { exitCode, summary, lines } = await drainer.ended(20_000);
    assert.equal(exitCode, 1);
    assert.equal(summary.result, 'failed');
    const failed = lines.find(({ event }) => event === 'run failed');
    const denial = `cannot ${right.verb} resource "${right.resource}" in API group "${right.group}"`;
    assert.ok(failed?.message.includes(denial), failed?.message);
    assert.match(String(failed?.['advice']), /rbac\.yaml/);
    assert.equal(termination.action.state, 'pending');
  });
}

for (const right of rights.filter(isBestEffort)) {
  // Telling the story must never cost the drain: whoever applied last year's manifest has no such right.
  test(`without the right to ${right.verb} ${right.resource} the drain is as good`, async (t) => {
    const scenario = await Scenario.open(t, lab);
    const termination = await terminationOf(t, scenario);
    t.after(() => applyRights(lab));
    await applyRights(lab, right);
    const drainer = await demandingDrain(t, scenario, termination);
    const { exitCode, summary, text } = await drainer.ended(20_000);
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    assert.doesNotMatch(text, /forbidden/);
    assert.equal(termination.action.result, 'CONTINUE');
  });
}
