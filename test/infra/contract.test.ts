import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Config, readConfig } from '../../app/config/drain-config.ts';
import { withMoreSettings } from '../../app/config/more-settings.ts';
import type { Environment } from '../../app/config/setting-values.ts';
import { GROUP, HOOK, launchGroup } from '../process/account.ts';
import { actionOf, INSTANCE, NODE, type ProcessFixture } from '../process/process-fixture.ts';
import { Program, summaryOf } from '../process/program.ts';
import { accessEntry } from '../simulator/access-entry.ts';
import type { LaunchedTask } from '../simulator/aws/ecs/task.ts';
import type { ValueMap } from '../simulator/aws/json.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { followNodes } from '../support/target-controller.ts';
import { noHarm } from '../witness/harm.ts';
import { deniedCalls, deployed, onlyTaskEnded } from './deployed.ts';
import { EKS, KUBECONFIG, templateText, VARIANTS } from './templates.ts';

describe('from the lifecycle event to the drained node, with the real template', { concurrency: 4 }, () => {
  // Template and worker each pass their own tests, but do not work together.
  test('an event starts one task, which drains the node and completes the hook', async (context) => {
    const fixture = await deployed(context);
    await fixture.addPod('web');
    const [event] = fixture.aws.terminateInstance(INSTANCE);
    const end = await onlyTaskEnded(fixture);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(summaryOf(end)['result'], 'drained');
    const { state, result, token } = actionOf(fixture);
    assert.deepEqual([state, result], ['completed', 'CONTINUE']);
    assert.deepEqual(fixture.aws.tasks[0]?.overrides, {
      INSTANCE_ID: INSTANCE,
      AUTO_SCALING_GROUP_NAME: GROUP,
      LIFECYCLE_HOOK_NAME: HOOK,
      LIFECYCLE_ACTION_TOKEN: token,
      LIFECYCLE_DESTINATION: 'EC2',
      LIFECYCLE_ACTION_TIME: event?.time,
    });
    assert.deepEqual([fixture.aws.deadLetters, fixture.aws.notifications], [[], []]);
    assert.deepEqual(deniedCalls(fixture, 5), []);
  });

  // An empty override is used as a name or a token, and every drain exits with 64.
  test('an event without its optional fields starts the same drain', async (context) => {
    const fixture = await deployed(context, { withoutRule: true });
    await fixture.addPod('web');
    const [event] = fixture.aws.terminateInstance(INSTANCE);
    assert.ok(event);
    const { EC2InstanceId, LifecycleHookName, LifecycleTransition } = event.detail;
    const bare = { ...event, detail: { EC2InstanceId, LifecycleHookName, LifecycleTransition } };
    fixture.deploy();
    fixture.aws.putEvent(bare satisfies ValueMap);
    const end = await onlyTaskEnded(fixture);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    assert.equal(fixture.aws.tasks[0]?.overrides['LIFECYCLE_ACTION_TOKEN'], '');
  });

  // The program asks for target groups by default, and the role of the stack does not let it.
  test('the hook is completed when no target group has the instance, with the rights of the template', async (context) => {
    const fixture = await deployed(context, { withoutRule: true });
    const { aws, kubernetes } = fixture;
    const group = aws.createTargetGroup({
      ...{ name: 'k8s-shop-web', of: 'network', slowMs: 3_000 },
      tags: { 'kubernetes.io/cluster/prod': 'owned' },
    });
    context.after(followNodes(kubernetes, aws, { group }));
    aws.putObject('configs', 'kube/prod', kubernetes.kubeconfig('node-drainer'));
    aws.deploy(templateText('drainer'), {
      ...{ ...KUBECONFIG, ClusterName: 'prod', KubeConfigObject: 'kube/{cluster}' },
      ...{ LoadBalancerSeconds: '1', Settings: 'TARGETS_SECONDS=60' },
    });
    aws.terminateInstance(INSTANCE);
    const end = await onlyTaskEnded(fixture);
    assert.equal(end.code, 0, end.stderr);
    assert.ok(end.lines.some(({ event }) => event === 'targets deregistered'));
    assert.deepEqual(deniedCalls(fixture, 8), []);
    await noHarm(fixture.witness);
  });

  // Only clusters with a kubeconfig are tested, although most users have EKS.
  test('the worker authenticates to the EKS cluster that the template names, with the credentials of the task', async (context) => {
    const [aws, kubernetes] = await eksSimulators(context);
    const stack = aws.deploy(templateText('drainer'), { ...EKS, ClusterName: 'demo' });
    assert.ok(stack.resources.has('TerminationRule'));
    const task = await launchOf(aws);
    const program = new Program(task.command ?? [], {
      ...task.environment,
      ...aws.environmentWithContainerCredentials(),
    });
    context.after(() => program.kill('SIGKILL'));
    const end = await program.ended();
    // The user has no permissions in this cluster: only the authentication is tested.
    assert.equal(end.code, 1);
    assert.ok(kubernetes.requests.some(({ user }) => user === 'node-drainer'));
  });

  // The drainer completes another tool's hook, for example one that backs up instances.
  test('events of other hooks, other groups, other sources and launches start no task', async (context) => {
    const fixture = await deployed(context, { withoutRule: true });
    fixture.aws.deploy(templateText('drainer'), {
      ...KUBECONFIG,
      AutoScalingGroupPrefix: 'work',
      LoadBalancerSeconds: '0',
    });
    const [event] = fixture.aws.terminateInstance(INSTANCE);
    assert.ok(event);
    assert.equal(fixture.aws.tasks.length, 1, 'the matching event starts a task');
    for (const detail of [{ LifecycleHookName: 'backup' }, { AutoScalingGroupName: 'databases' }]) {
      fixture.aws.putEvent({ ...event, detail: { ...event.detail, ...detail } });
    }
    fixture.aws.putEvent({ ...event, 'detail-type': 'EC2 Instance-launch Lifecycle Action' });
    fixture.aws.putEvent({ ...event, source: 'somebody.else' });
    assert.equal(fixture.aws.tasks.length, 1);
    await onlyTaskEnded(fixture);
  });

  // A RunTask reply of 200 with failures counts as a started task.
  test('an event for which ECS has no capacity goes to the dead-letter queue', async (context) => {
    const fixture = await deployed(context);
    fixture.aws.refuseTasks({ reason: 'Capacity is unavailable at this time' }, { times: 1 });
    fixture.aws.terminateInstance(INSTANCE);
    assert.deepEqual(
      fixture.aws.deadLetters.map(({ rule, reason }) => [rule, reason]),
      [['node-drainer-TerminationRule', 'Capacity is unavailable at this time']],
    );
  });

  // An unknown word in an event is a reason not to drain, and the instance is terminated with its pods.
  // https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html
  test('an event with any destination and action starts a task', async (context) => {
    const aws = await startAws({ region: 'eu-west-1' });
    context.after(() => aws.stop());
    aws.deploy(templateText('drainer'), EKS);
    const detail = { LifecycleHookName: HOOK, AutoScalingGroupName: GROUP, EC2InstanceId: INSTANCE };
    const kinds = [
      { Origin: 'AutoScalingGroup', Destination: 'EC2' },
      { Origin: 'AutoScalingGroup', Destination: 'WarmPool' },
      { Origin: 'AutoScalingGroup', Destination: 'AutoScalingGroup', Action: 'ReplaceRootVolume' },
      { Origin: 'Moon', Destination: 'Mars', Action: 'Fly', NewField: { list: [1] } },
    ];
    for (const kind of kinds) {
      const event = { source: 'aws.autoscaling', 'detail-type': 'EC2 Instance-terminate Lifecycle Action' };
      aws.putEvent({ ...event, time: '2026-11-22T13:05:00Z', detail: { ...detail, ...kind } });
    }
    assert.deepEqual(
      aws.tasks.map(({ overrides }) => overrides['LIFECYCLE_DESTINATION']),
      ['EC2', 'WarmPool', 'AutoScalingGroup', 'Mars'],
    );
  });

  // A paused stack drains, or the settings of the whole region do not reach the worker.
  test('a paused stack starts no task, and the task of a stack for all clusters gets the setting', async (context) => {
    const aws = await startAws({ region: 'eu-west-1' });
    context.after(() => aws.stop());
    const deploy = (DrainerName: string, more: Record<string, string>) =>
      aws.deploy(templateText('drainer'), { ...EKS, DrainerName, ...more }, { name: `stack-${DrainerName}` });
    deploy('paused', { Enabled: 'false' });
    deploy('region', { ClusterName: '*', FinishRetained: 'true' });
    const { family, environment } = await launchOf(aws, 'workers-a');
    assert.equal(family, 'region');
    const expected = { CLUSTER_NAME: '*', RETAINED: 'finish', ENABLED: 'true', DRAINER_NAME: 'region' };
    for (const [name, value] of Object.entries(expected)) assert.equal(environment[name], value);
  });

  const draining = VARIANTS.filter(([, { Enabled }]) => Enabled !== 'false');
  for (const [what, parameters] of draining) {
    // The stack accepts a parameter that never reaches the worker.
    test(`the worker's configuration has the values of the stack's parameters: ${what}`, async (context) => {
      const aws = await startAws({ region: 'eu-west-1' });
      context.after(() => aws.stop());
      aws.deploy(templateText('drainer'), parameters);
      const task = await launchOf(aws, 'workers-a');
      const { policies, cluster, ...config } = readConfig(configuredBy(task.environment), NO_FLAGS);
      const region = 'eu-west-1';
      const { KubeConfigBucket: bucket, KubeConfigObject: object = '', ClusterName: name = '' } = parameters;
      const eks = name === '*' ? { kind: 'by-tags', template: { kind: 'eks', region } } : { kind: 'eks', name, region };
      assert.deepEqual(cluster, bucket === undefined ? eks : { kind: 'kubeconfig-object', bucket, object, region });
      assert.deepEqual(policies, {
        missingNode: parameters['MissingNode'] ?? 'auto',
        onFailure: parameters['OnFailure'] ?? 'leave',
        onDeadline: parameters['OnDeadline'] ?? 'continue',
      } satisfies Record<keyof Config['policies'], string>);
      assert.equal(config.loadBalancerExclusion, parameters['LoadBalancerExclusion'] ?? 'end');
      assert.equal(config.loadBalancerMs, Number(parameters['LoadBalancerSeconds'] ?? 30) * 1000);
      assert.equal(config.targetsMs, bucket === undefined ? 300_000 : undefined, 'the cluster has a name');
      assert.equal(config.unprovenNode, parameters['UnprovenNode'] ?? 'refuse');
      assert.equal(config.lastResort, parameters['LastResort'] ?? 'delete');
      assert.equal(config.finalizerMs, Number(parameters['FinalizerSeconds'] ?? 300) * 1000);
      const deadline = parameters['DrainDeadlineSeconds'];
      assert.equal(config.drainDeadlineMs, deadline === undefined ? undefined : Number(deadline) * 1000);
      const { VolumeDetachTimeoutSeconds = 300, DoNotDisruptSeconds = 0, LastResortSeconds = 30 } = parameters;
      assert.equal(config.volumeDetachTimeoutMs, Number(VolumeDetachTimeoutSeconds) * 1000);
      assert.equal(config.doNotDisruptMs, Number(DoNotDisruptSeconds) * 1000);
      assert.equal(config.spreadMs, parameters['Settings'] === 'SPREAD_SECONDS=0' ? 0 : 300_000);
      assert.equal(config.lastResortMs, Number(LastResortSeconds) * 1000);
      assert.equal(config.drainDaemonSets, parameters['DrainDaemonSets'] === 'true');
      const waits = parameters['WaitForCapacity'] === 'on';
      assert.equal(config.capacityTimeoutMs, waits ? Number(parameters['WaitForCapacitySeconds']) * 1000 : undefined);
      assert.deepEqual(config.target.kind === 'instance' && config.target.instanceId, INSTANCE);
    });
  }
});

const NO_FLAGS = { settings: {}, dryRun: false, force: false };

/** Terminates an instance and returns the task that this starts, without running it. */
async function launchOf(aws: ProcessFixture['aws'], group = GROUP): Promise<LaunchedTask> {
  launchGroup(aws, [{ instanceId: INSTANCE, privateDnsName: NODE }], { name: group });
  const tasks: LaunchedTask[] = [];
  aws.onRunTask((task) => tasks.push(task));
  aws.terminateInstance(INSTANCE);
  assert.deepEqual(aws.deadLetters, []);
  const [task, ...others] = tasks;
  assert.ok(task !== undefined && others.length === 0, 'exactly one task');
  return task;
}

async function eksSimulators(context: TestContext) {
  const aws = await startAws({ region: 'eu-west-1' });
  const kubernetes = await startKubernetes({
    nodes: [{ name: NODE, providerID: `aws:///eu-west-1a/${INSTANCE}` }],
    authenticate: accessEntry(aws, 'demo'),
  });
  context.after(() => Promise.all([aws.stop(), kubernetes.stop()]));
  aws.createCluster({ name: 'demo', endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
  return [aws, kubernetes] as const;
}

/** The environment of the task, as the program reads it. */
function configuredBy(environment: Environment): Environment {
  const errors: string[] = [];
  const configured = withMoreSettings({ ...environment, AWS_REGION: 'eu-west-1' }, errors);
  assert.deepEqual(errors, []);
  return configured;
}
