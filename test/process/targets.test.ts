import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { CustomObjectsApi } from '@kubernetes/client-node';
import type { NewTargetGroup } from '../simulator/aws/elbv2/target-groups.ts';
import { awsError } from '../simulator/aws/protocol/errors.ts';
import { administrator } from '../support/administrator.ts';
import { followNodes } from '../support/target-controller.ts';
import { noHarm, onlyHarm } from '../witness/harm.ts';
import { KUBECONFIG_SETTINGS } from './account.ts';
import { actionOf, INSTANCE, NODE, type ProcessFixture, processFixture } from './process-fixture.ts';

/** An NLB lets the node go in four seconds here; LOAD_BALANCER_SECONDS, which nobody has set for it, are over after one. */
const NLB = { name: 'k8s-shop-web', of: 'network', slowMs: 4_000 } as const satisfies NewTargetGroup;
const ON = { WAIT_FOR_TARGETS: 'on', LOAD_BALANCER_SECONDS: '1' };
/** With its name, the tags of target groups say which are those of the cluster. */
const NAMED = {
  CLUSTER_NAME: 'prod',
  KUBE_CONFIG_OBJECT: 'kube/{cluster}',
  LOAD_BALANCER_SECONDS: '1',
};

/** A node that a controller keeps as a target, and a pod on it. */
async function balanced(t: TestContext, group: NewTargetGroup = NLB) {
  const fixture = await processFixture(t);
  const arn = fixture.aws.createTargetGroup(group);
  t.after(followNodes(fixture.kubernetes, fixture.aws, { group: arn }));
  fixture.aws.putObject(
    KUBECONFIG_SETTINGS.KUBE_CONFIG_BUCKET,
    'kube/prod',
    fixture.kubernetes.kubeconfig('node-drainer'),
  );
  await fixture.addPod('web');
  fixture.aws.terminateInstance(INSTANCE);
  return { ...fixture, arn };
}

async function bind({ kubernetes }: ProcessFixture, targetGroupARN: string): Promise<void> {
  await administrator(kubernetes)
    .makeApiClient(CustomObjectsApi)
    .createNamespacedCustomObject({
      ...{ group: 'elbv2.k8s.aws', version: 'v1beta1', namespace: 'default', plural: 'targetgroupbindings' },
      body: { metadata: { name: 'web' }, spec: { targetGroupARN, targetType: 'instance' } },
    });
}

const isLoadBalancing = ({ path }: { path: string }) => path.startsWith('elasticloadbalancing:');

describe('target groups', { concurrency: 4 }, () => {
  // The load balancer sends requests to an instance that no longer exists, for as long as its deregistration takes.
  // https://github.com/aws/aws-node-termination-handler/issues/316
  test('without the wait, the instance dies while a Network Load Balancer still has it', async (t) => {
    const fixture = await balanced(t);
    const { code } = await fixture.drain({ ...NAMED, WAIT_FOR_TARGETS: 'off' }).ended();
    assert.equal(code, 0);
    assert.ok(!fixture.aws.requests.some(({ action }) => isLoadBalancing({ path: action })));
    const harm = { kind: 'still a target', node: NODE, service: 'k8s-shop-web', state: 'draining' } as const;
    await onlyHarm(fixture.witness, 'WAIT_FOR_TARGETS=off, and LOAD_BALANCER_SECONDS are too few', harm);
  });

  test('a target group with the tag of the cluster has let the node go when the hook is completed', async (t) => {
    const fixture = await balanced(t, { ...NLB, tags: { 'kubernetes.io/cluster/prod': 'owned' } });
    const { code, lines } = await fixture.drain(NAMED).ended();
    assert.equal(code, 0);
    const events = lines.map(({ event }) => event);
    assert.ok(events.indexOf('targets deregistered') < events.indexOf('hook completed'));
    assert.deepEqual(lines.find(({ event }) => event === 'targets registered')?.['targetGroups'], ['k8s-shop-web']);
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    await noHarm(fixture.witness);
  });

  test('so has a target group that only a TargetGroupBinding names', async (t) => {
    const fixture = await balanced(t);
    await bind(fixture, fixture.arn);
    const { code } = await fixture.drain(ON).ended();
    assert.equal(code, 0);
    await noHarm(fixture.witness);
  });

  // A role of an earlier version, or a permissions boundary: the drain is as good as before, and says what is missing.
  test('without the rights, the drain waits for LOAD_BALANCER_SECONDS, and one warning names the right', async (t) => {
    const fixture = await balanced(t, { ...NLB, slowMs: 0, tags: { 'elbv2.k8s.aws/cluster': 'prod' } });
    fixture.aws.faults.add({ when: isLoadBalancing, fault: awsError('elasticloadbalancing', 'AccessDenied') });
    const { code, lines } = await fixture.drain(NAMED).ended();
    assert.equal(code, 0);
    const warnings = lines.filter(({ level }) => level === 'warn');
    assert.equal(warnings.length, 1);
    assert.match(String(warnings[0]?.['message']), /allow elasticloadbalancing:DescribeTargetGroups/);
    await noHarm(fixture.witness);
  });

  // A burst of drains is throttled together; who takes that for an answer completes the hook too early.
  test('throttling delays the answer, and changes nothing', async (t) => {
    const fixture = await balanced(t, { ...NLB, tags: { 'kubernetes.io/cluster/prod': 'shared' } });
    let calls = 0;
    const when = ({ path }: { path: string }) => isLoadBalancing({ path }) && calls++ % 2 === 0;
    fixture.aws.faults.add({ when, fault: { kind: 'throttle' } });
    const { code } = await fixture.drain(NAMED).ended();
    assert.equal(code, 0);
    await noHarm(fixture.witness);
  });
});
