import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { Scenario } from '../cluster/scenario.ts';
import { instanceIdOf, Termination } from '../cluster/termination.ts';
import { openTestCluster } from '../cluster/test-cluster.ts';
import { failuresOf } from './load.ts';
import { serveByNodes, underLoad } from './server.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** Long enough for a proxy to learn that a pod ends. */
const preStopSeconds = 5;

/** For so long the load balancer still sends new connections to a node that it is about to let go. */
const deregistrationMs = 5_000;

/** Drains the worker as the instance of a group, which ends when its hook is completed, under requests through a load balancer. */
async function drainedAsTarget(t: TestContext, settings: Readonly<Record<string, string>>) {
  const scenario = await Scenario.open(t, cluster, { loadBalancers: { deregistrationMs } });
  const { worker: name } = scenario;
  const balancer = await serveByNodes(t, scenario, { replicas: 3, preStopSeconds }, deregistrationMs);
  await scenario.budget('one-at-a-time', 'web', { maxUnavailable: 1 }, 3);
  const { spec } = await cluster.admin.core.readNode({ name });
  const instanceId = instanceIdOf(spec?.providerID);
  const { load } = await underLoad(balancer.url, async () => {
    const termination = await Termination.start(t, scenario, { instanceId, privateDnsName: name });
    t.after(termination.aws.onInstanceEnd(() => balancer.dies(name)));
    const { exitCode } = await termination.drainByKubeconfig(cluster, settings).ended(180_000);
    assert.equal(exitCode, 0);
    assert.equal(termination.action.result, 'CONTINUE');
  });
  t.diagnostic(`${failuresOf(load)} of ${load.sent} requests`);
  return { scenario, load };
}

// A drain that ends with its last pod lets the instance die while load balancers still send requests to it: pods are faster than they.
// https://github.com/aws/aws-node-termination-handler/issues/316
test('no request is lost when the node is a target of a load balancer, and its instance ends with its drain', async (t) => {
  const { scenario, load } = await drainedAsTarget(t, { LOAD_BALANCER_SECONDS: '8' });
  assert.deepEqual(load.failed, {}, `of ${load.sent}`);
  await scenario.noHarm();
});

// Without this the test above could never fail.
test('with LOAD_BALANCER_EXCLUSION=off requests to the dead instance are lost', async (t) => {
  const { scenario, load } = await drainedAsTarget(t, { LOAD_BALANCER_EXCLUSION: 'off' });
  assert.ok(failuresOf(load) > 0, `${load.sent} requests, and none failed`);
  const service = `${scenario.namespace}/web`;
  const why = 'nobody tells the load balancer';
  await scenario.onlyHarm(why, { kind: 'still a target', node: scenario.worker, service, state: 'registered' });
});
