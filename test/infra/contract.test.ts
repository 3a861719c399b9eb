import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Config, readConfig } from '../../app/config.ts';
import { type Ended, Program, summaryOf } from '../process/program.ts';
import { actionOf, GROUP, HOOK, INSTANCE, NODE, type World, world } from '../process/world.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { listAt, textAt, type ValueMap } from '../simulator/aws/cloudformation/value.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import type { LaunchedTask } from '../simulator/aws/task.ts';
import { startKubernetes } from '../simulator/kubernetes/simulator.ts';
import { actionsOf } from './policies.ts';
import { drainer, EKS, KUBECONFIG, templateText, VARIANTS } from './templates.ts';

/** A world that has the stack, and runs its tasks: the real program, with what comes out of the template and no more. */
async function deployed(context: TestContext, options: { rbac?: boolean; withoutRule?: boolean } = {}) {
  const w = await world(context, options);
  const ended: Promise<Ended>[] = [];
  const tasks: LaunchedTask[] = [];
  const programs: Program[] = [];
  w.aws.onRunTask((task) => {
    tasks.push(task);
    const fargate = w.aws.environmentWithContainerCredentials();
    // The grace is for events that are on their way; here none is.
    const environment = { ...task.environment, ...fargate, SWEEP_GRACE_SECONDS: '0' };
    const program = new Program(task.command ?? [], environment, () => w.aws.secrets);
    context.after(() => program.kill('SIGKILL'));
    programs.push(program);
    task.running();
    const end = program.ended();
    ended.push(end);
    end.then(({ code }) => task.stopped(code ?? 137));
  });
  const deploy = () => w.aws.deploy(templateText('drainer'), KUBECONFIG);
  if (options.withoutRule !== true) deploy();
  return { ...w, deploy, tasks, programs, ended };
}

/** The sole task's end. */
async function soleEnd({ ended }: { ended: readonly Promise<Ended>[] }): Promise<Ended> {
  const [end, ...others] = ended;
  assert.ok(end !== undefined && others.length === 0, 'exactly one task');
  return end;
}

describe('from the event to the drained node, by the real template', { concurrency: 4 }, () => {
  test('an event starts one task, which drains the node and completes the hook', async (context) => {
    // Otherwise: template and worker each pass their own tests, and do not fit together.
    const w = await deployed(context);
    await w.addPod('web');
    const [event] = w.aws.terminateInstance(INSTANCE);
    const end = await soleEnd(w);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(summaryOf(end)['result'], 'drained');
    const { state, result, token } = actionOf(w);
    assert.deepEqual([state, result], ['completed', 'CONTINUE']);
    assert.deepEqual(w.tasks[0]?.overrides, {
      INSTANCE_ID: INSTANCE,
      AUTO_SCALING_GROUP_NAME: GROUP,
      LIFECYCLE_HOOK_NAME: HOOK,
      LIFECYCLE_ACTION_TOKEN: token,
      LIFECYCLE_DESTINATION: 'EC2',
      LIFECYCLE_ACTION_TIME: event?.time,
    });
    assert.deepEqual([w.aws.deadLetters, w.aws.notifications], [[], []]);
    assert.deepEqual(deniedCalls(w, 5), []);
  });

  test('an instance whose event is lost is found by the sweep, and drained', async (context) => {
    // Otherwise: Auto Scaling, which sends its events as well as it can, decides whether pods leave gracefully.
    const w = await deployed(context);
    await w.addPod('web');
    const loss = w.aws.eventFaults({ lose: () => true });
    w.aws.terminateInstance(INSTANCE);
    loss.end();
    w.aws.runSchedule('SweepSchedule');
    const [sweep] = w.ended;
    assert.equal((await sweep)?.code, 0);
    const [, drain, ...others] = w.ended;
    assert.ok(drain !== undefined && others.length === 0, 'one drain');
    const end = await drain;
    assert.deepEqual([end.code, summaryOf(end)['result']], [0, 'drained'], end.stderr);
    assert.equal(actionOf(w).result, 'CONTINUE');
    assert.deepEqual(
      w.tasks.map(({ family, group, launchType }) => [family, group, launchType]),
      [
        ['node-drainer', 'sweep', 'FARGATE'],
        ['node-drainer', undefined, 'FARGATE'],
      ],
    );
    assert.deepEqual(w.aws.notifications, []);
    assert.deepEqual(deniedCalls(w, 8), []);
  });

  test('a sweep that looked counts what waits, also where that is nothing; one that could not look is silent', async (context) => {
    // Otherwise: the alarm on silence goes off every quiet night, or never.
    const w = await deployed(context);
    const metric = textAt(resourceOf(drainer(KUBECONFIG), 'SweepAlarm').properties, 'MetricName');
    w.aws.runSchedule('SweepSchedule');
    const looked = await soleEnd(w);
    assert.deepEqual([looked.code, looked.lines.at(-1)?.[metric]], [0, 0], looked.stderr);
    w.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:DescribeAutoScalingGroups',
      fault: { kind: 'status', status: 403, body: DENIED },
    });
    w.aws.runSchedule('SweepSchedule');
    const blind = await w.ended[1];
    assert.equal(blind?.code, 1);
    assert.deepEqual(
      blind.lines.filter((line) => metric in line),
      [],
    );
    assert.deepEqual(w.aws.notifications, []);
  });

  test('an event without its optional fields does the same', async (context) => {
    // Otherwise: an empty override is taken for a name or a token, and every drain ends with 64.
    const w = await deployed(context, { withoutRule: true });
    await w.addPod('web');
    const [event] = w.aws.terminateInstance(INSTANCE);
    assert.ok(event);
    const { EC2InstanceId, LifecycleHookName, LifecycleTransition } = event.detail;
    const bare = { ...event, detail: { EC2InstanceId, LifecycleHookName, LifecycleTransition } };
    w.deploy();
    w.aws.putEvent(bare satisfies ValueMap);
    const end = await soleEnd(w);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(actionOf(w).result, 'CONTINUE');
    assert.equal(w.tasks[0]?.overrides['LIFECYCLE_ACTION_TOKEN'], '');
  });

  test('an EKS cluster is entered by the name that the template gives, with the credentials of the task', async (context) => {
    // Otherwise: only clusters with a kubeconfig are tested, and most users have none.
    const [aws, kubernetes] = await eksWorld(context);
    const stack = aws.deploy(templateText('drainer'), { ...EKS, ClusterName: 'demo' });
    assert.ok(stack.resources.has('TerminationRule'));
    const task = await launchOf(aws);
    const program = new Program(task.command ?? [], {
      ...task.environment,
      ...aws.environmentWithContainerCredentials(),
    });
    context.after(() => program.kill('SIGKILL'));
    const end = await program.ended();
    // No rights in the cluster: it knows who asks, and that is what this is about.
    assert.equal(end.code, 1);
    assert.ok(kubernetes.requests.some(({ user }) => user === 'node-drainer'));
  });

  test('a drain that is killed is told to the topic of the alarms', async (context) => {
    // Otherwise: the first to notice is whoever misses the pods.
    const w = await deployed(context);
    await w.addPod('web', { finalizers: ['test/hold'] });
    w.aws.terminateInstance(INSTANCE);
    const [program] = w.programs;
    await program?.line('pod accepted');
    program?.kill('SIGKILL');
    await soleEnd(w);
    const [notification, ...others] = w.aws.notifications;
    assert.equal(others.length, 0);
    assert.match(notification?.message ?? '', /drain of a node died.*ended with EssentialContainerExited/);
    assert.equal(actionOf(w).state, 'pending');
  });

  test('a drain that fails counts itself for the alarm, and is not told a second time', async (context) => {
    // Otherwise: nobody hears of it, for the rule leaves it to the alarm; or everybody hears of it twice.
    const w = await deployed(context, { rbac: false });
    w.aws.terminateInstance(INSTANCE);
    const end = await soleEnd(w);
    assert.equal(end.code, 1);
    assert.deepEqual(w.aws.notifications, []);
    assert.equal(actionOf(w).state, 'pending');
    const { properties } = resourceOf(drainer(KUBECONFIG), 'FailedDrainAlarm');
    assert.equal(summaryOf(end)[textAt(properties, 'MetricName')], 1);
    for (const dimension of listAt(properties, 'Dimensions')) {
      assert.equal(summaryOf(end)[textAt(dimension, 'Name')], textAt(dimension, 'Value'));
    }
  });

  test('other hooks, other groups and launches start nothing', async (context) => {
    // Otherwise: the drainer completes the hooks of somebody who backs up instances.
    const w = await deployed(context, { withoutRule: true });
    w.aws.deploy(templateText('drainer'), { ...KUBECONFIG, AutoScalingGroupPrefix: 'work' });
    const [event] = w.aws.terminateInstance(INSTANCE);
    assert.ok(event);
    assert.equal(w.tasks.length, 1, 'this one is meant');
    for (const detail of [{ LifecycleHookName: 'backup' }, { AutoScalingGroupName: 'databases' }]) {
      w.aws.putEvent({ ...event, detail: { ...event.detail, ...detail } });
    }
    w.aws.putEvent({ ...event, 'detail-type': 'EC2 Instance-launch Lifecycle Action' });
    w.aws.putEvent({ ...event, source: 'somebody.else' });
    assert.equal(w.tasks.length, 1);
    await soleEnd(w);
  });

  test('an event for which ECS has no capacity is a dead letter', async (context) => {
    // Otherwise: RunTask's 200 with failures passes for a task.
    const w = await deployed(context);
    w.aws.refuseTasks({ reason: 'Capacity is unavailable at this time' }, { times: 1 });
    w.aws.terminateInstance(INSTANCE);
    assert.deepEqual(
      w.aws.deadLetters.map(({ rule, reason }) => [rule, reason]),
      [['node-drainer-TerminationRule', 'Capacity is unavailable at this time']],
    );
  });

  for (const [what, parameters] of VARIANTS) {
    test(`the worker reads what the stack was told: ${what}`, async (context) => {
      // Otherwise: a parameter is taken, and the worker never hears of it.
      const aws = await startAws({ region: 'eu-west-1' });
      context.after(() => aws.stop());
      aws.deploy(templateText('drainer'), parameters);
      const task = await launchOf(aws, 'workers-a');
      const { policies, cluster, ...config } = readConfig({ ...task.environment, AWS_REGION: 'eu-west-1' }, NO_FLAGS);
      const region = 'eu-west-1';
      const { KubeConfigBucket: bucket, KubeConfigObject: object = '', ClusterName: name = '' } = parameters;
      assert.deepEqual(
        cluster,
        bucket === undefined ? { kind: 'eks', name, region } : { kind: 'kubeconfig-object', bucket, object, region },
      );
      assert.deepEqual(policies, {
        missingNode: parameters['MissingNode'] ?? 'continue',
        onFailure: parameters['OnFailure'] ?? 'leave',
        onDeadline: parameters['OnDeadline'] ?? 'continue',
      } satisfies Record<keyof Config['policies'], string>);
      assert.equal(config.loadBalancerExclusion, parameters['LoadBalancerExclusion'] !== 'off');
      const deadline = parameters['DrainDeadlineSeconds'];
      assert.equal(config.drainDeadlineMs, deadline === undefined ? undefined : Number(deadline) * 1000);
      const { VolumeDetachTimeoutSeconds = 300, DoNotDisruptSeconds = 0, LastResortSeconds = 120 } = parameters;
      assert.equal(config.volumeDetachTimeoutMs, Number(VolumeDetachTimeoutSeconds) * 1000);
      assert.equal(config.doNotDisruptMs, Number(DoNotDisruptSeconds) * 1000);
      assert.equal(config.lastResortMs, Number(LastResortSeconds) * 1000);
      assert.equal(config.drainDaemonSets, parameters['DrainDaemonSets'] === 'true');
      const waits = parameters['WaitForCapacity'] === 'on';
      assert.equal(config.capacityTimeoutMs, waits ? Number(parameters['WaitForCapacitySeconds']) * 1000 : undefined);
      assert.deepEqual(config.target.kind === 'instance' && config.target.instanceId, INSTANCE);
    });
  }
});

/** What the processes really called, and their role does not allow. */
function deniedCalls({ aws }: { aws: World['aws'] }, atLeast: number): string[] {
  const allowed = actionsOf(drainer(KUBECONFIG), 'TaskRole');
  const calls = new Set(aws.requests.map(({ action }) => action).filter((action) => action.includes(':')));
  assert.ok(calls.size >= atLeast);
  return [...calls].filter((call) => !allowed.includes(call));
}

const DENIED = '<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>';
const NO_FLAGS = { settings: {}, dryRun: false, force: false };

/** The task that the termination of an instance starts; it does not run. */
async function launchOf(aws: World['aws'], group = GROUP): Promise<LaunchedTask> {
  aws.createAutoScalingGroup({ name: group });
  aws.putLifecycleHook({ autoScalingGroupName: group, lifecycleHookName: HOOK, heartbeatTimeout: 30 });
  aws.launchInstance({ instanceId: INSTANCE, autoScalingGroupName: group, privateDnsName: NODE });
  const tasks: LaunchedTask[] = [];
  aws.onRunTask((task) => tasks.push(task));
  aws.terminateInstance(INSTANCE);
  assert.deepEqual(aws.deadLetters, []);
  const [task, ...others] = tasks;
  assert.ok(task !== undefined && others.length === 0, 'exactly one task');
  return task;
}

async function eksWorld(context: TestContext) {
  const aws = await startAws({ region: 'eu-west-1' });
  const kubernetes = await startKubernetes({
    nodes: [{ name: NODE, providerID: `aws:///eu-west-1a/${INSTANCE}` }],
    authenticate: async (token) =>
      'arn' in aws.verifyToken(token, 'demo') ? { name: 'node-drainer', groups: ['node-drainer'] } : undefined,
  });
  context.after(() => Promise.all([aws.stop(), kubernetes.stop()]));
  aws.createCluster({ name: 'demo', endpoint: kubernetes.url, certificateAuthority: kubernetes.ca });
  return [aws, kubernetes] as const;
}
