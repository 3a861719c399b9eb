import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { LaunchedTask } from '../simulator/aws/ecs/task.ts';
import { awsError } from '../simulator/aws/protocol/errors.ts';
import { type AwsSimulator, startAws } from '../simulator/aws/simulator.ts';
import type { ExecutionEnd } from '../simulator/aws/stepfunctions/state-machines.ts';
import { actionsOf } from './policies.ts';
import { drainer, EKS, REQUIRED, templateText } from './templates.ts';

const instance = (n: number) => `i-${String(n).padStart(17, '0')}`;
const MINUTE = 60_000;

// The time scale of the state machines must not count the first import of the SDK.
await Promise.all([
  import('@aws-sdk/client-auto-scaling'),
  import('@aws-sdk/client-ec2'),
  import('@aws-sdk/client-ecs'),
]);

/** A stack whose tasks run until a test ends them. The clock moves only when a test says so. */
async function probed(context: TestContext, parameters: Record<string, string> = EKS, retryTimeScale = 50) {
  const clock = { now: Date.parse('2026-11-27T10:00:00Z') };
  const aws = await startAws({ region: 'eu-west-1', now: () => clock.now, retryTimeScale });
  context.after(() => aws.stop());
  const running = new Map<string, LaunchedTask>();
  aws.onRunTask((task) => {
    running.set(task.taskArn, task);
    task.running();
  });
  aws.deploy(templateText('drainer'), parameters);
  const addGroup = (name: string, hook?: string) => {
    aws.createAutoScalingGroup({ name });
    if (hook !== undefined) aws.putLifecycleHook({ autoScalingGroupName: name, lifecycleHookName: hook });
  };
  addGroup('workers', 'node-drainer');
  /** Instances whose events are lost. */
  const wait = (count: number, group = 'workers', tags: Record<string, string> = {}, from = 1) => {
    const lost = aws.eventFaults({ lose: () => true });
    for (let n = from; n < from + count; n++) {
      aws.launchInstance({ instanceId: instance(n), autoScalingGroupName: group, tags });
      aws.terminateInstance(instance(n));
    }
    lost.end();
  };
  return {
    aws,
    addGroup,
    wait,
    pass: (ms: number) => {
      clock.now += ms;
    },
    probe: () => probe(aws),
    sweeps: () => aws.tasks.filter(({ group }) => group === 'sweep').map(({ overrides }) => overrides),
    drain: (instanceId: string) => sendEvent(aws, instanceId),
    /** The task ends with this exit code, as ECS reports it. */
    end: (taskArn: string, exitCode: number) => running.get(taskArn)?.stopped(exitCode),
    allExecutions: async () => {
      await Promise.all(aws.executions.map(({ ended }) => ended));
    },
  };
}

async function probe(aws: AwsSimulator): Promise<ExecutionEnd> {
  const execution = aws.runSchedule('ProbeSchedule');
  assert.ok('ended' in execution, JSON.stringify(execution));
  return execution.ended;
}

/** The event of a termination, which starts a drain. */
function sendEvent(aws: AwsSimulator, EC2InstanceId: string): void {
  aws.putEvent({
    source: 'aws.autoscaling',
    'detail-type': 'EC2 Instance-terminate Lifecycle Action',
    time: '2026-11-27T10:00:00Z',
    detail: { LifecycleHookName: 'node-drainer', AutoScalingGroupName: 'workers', EC2InstanceId },
  });
}

describe('the probe', { concurrency: 2 }, () => {
  // A quiet region pays for a task each minute.
  test('starts nothing when nothing waits, or when each waiting instance has a task', async (context) => {
    const { aws, probe, wait, drain } = await probed(context);
    aws.launchInstance({ instanceId: instance(99), autoScalingGroupName: 'workers' });
    assert.equal((await probe()).status, 'SUCCEEDED');
    wait(120);
    for (let n = 1; n <= 120; n++) drain(instance(n));
    assert.equal((await probe()).status, 'SUCCEEDED');
    assert.equal(aws.tasks.length, 120, 'more tasks and instances than a page has');
    assert.ok(aws.tasks.every(({ group }) => group === undefined));
  });

  // An event is lost, and the instance is terminated with its pods.
  test('starts one sweep for an instance without a task, and not a second one within five minutes', async (context) => {
    const { probe, wait, sweeps, pass } = await probed(context, { ...EKS, AutoScalingGroupPrefix: 'work' });
    wait(1);
    assert.equal((await probe()).status, 'SUCCEEDED');
    assert.deepEqual(sweeps(), [
      {
        LIFECYCLE_HOOK_NAME: 'node-drainer',
        AUTO_SCALING_GROUP_PREFIX: 'work',
        SCHEDULED_TIME: '2026-11-27T10:00:00.000Z',
        // Only sweeps of the schedule count groups.
        CHECK_GROUPS: 'false',
        WAITING_INSTANCES: instance(1),
      },
    ]);
    pass(4 * MINUTE);
    await probe();
    assert.equal(sweeps().length, 1);
    wait(1, 'workers', {}, 2);
    await probe();
    assert.deepEqual(sweeps()[1]?.['WAITING_INSTANCES'], instance(2), 'the first one is not named again');
    pass(2 * MINUTE);
    await probe();
    assert.deepEqual(sweeps()[2]?.['WAITING_INSTANCES'], instance(1), 'the sweep is too old by now');
  });

  // A drain that dies at once is started each minute; or one that died after an hour waits for the next sweep.
  test('a dead task counts for five minutes since its start', async (context) => {
    const { aws, probe, wait, drain, end, allExecutions, sweeps, pass } = await probed(context);
    wait(1);
    drain(instance(1));
    pass(MINUTE);
    end(aws.tasks[0]?.taskArn ?? '', 137);
    await allExecutions();
    await probe();
    assert.equal(sweeps().length, 0, 'it started a minute ago');
    pass(5 * MINUTE);
    await probe();
    assert.equal(sweeps().length, 1);
  });

  // Each termination that another team's hook delays starts a sweep each minute.
  test('instances of other hooks, groups and clusters, and those on hold, start no sweep', async (context) => {
    const { probe, wait, addGroup, sweeps } = await probed(context, { ...EKS, AutoScalingGroupPrefix: 'w' });
    addGroup('without-hook', 'backup');
    addGroup('databases', 'node-drainer');
    wait(1, 'without-hook', {}, 1);
    wait(1, 'databases', {}, 2);
    wait(1, 'workers', { 'eks:cluster-name': 'staging' }, 3);
    wait(1, 'workers', { 'kubernetes.io/cluster/staging': 'owned' }, 4);
    wait(1, 'workers', { 'eks:cluster-name': 'prod', 'node-drainer/cluster': 'staging' }, 5);
    wait(1, 'workers', { 'node-drainer/hold': 'true' }, 6);
    assert.equal((await probe()).status, 'SUCCEEDED');
    assert.deepEqual(sweeps(), []);
    wait(1, 'workers', { 'eks:cluster-name': 'staging', 'node-drainer/cluster': 'prod' }, 7);
    wait(1, 'workers', { 'kubernetes.io/cluster/prod': 'owned', 'node-drainer/hold': 'false' }, 8);
    await probe();
    assert.deepEqual(sweeps()[0]?.['WAITING_INSTANCES'], `${instance(7)} ${instance(8)}`);
  });

  // One stack for all clusters, and the instances of all but one are never swept.
  test('with ClusterName=* and with a kubeconfig, instances of every cluster start a sweep', async (context) => {
    const { probe, wait, sweeps } = await probed(context, { ...REQUIRED, ClusterName: '*' });
    wait(1, 'workers', { 'eks:cluster-name': 'staging' });
    await probe();
    assert.equal(sweeps().length, 1);
  });

  // After an outage of EventBridge a hundred instances wait, and the probe takes minutes to judge each of them.
  test('more than 20 instances without a task start a sweep at once', async (context) => {
    const { aws, probe, wait, sweeps } = await probed(context);
    wait(21);
    await probe();
    assert.equal(sweeps()[0]?.['WAITING_INSTANCES']?.split(' ').length, 21);
    assert.ok(!aws.stateMachineCalls.some(({ action }) => action === 'ec2:DescribeTags'));
    wait(400, 'workers', {}, 100);
    await probe();
    assert.ok(sweeps().length <= 2);
    for (const overrides of sweeps()) assert.ok(JSON.stringify(overrides).length < 8192, 'the limit of ECS');
  });

  const CALLS = [
    'autoscaling:DescribeAutoScalingInstances',
    'ecs:ListTasks',
    'ecs:DescribeTasks',
    'ec2:DescribeTags',
    'autoscaling:DescribeLifecycleHooks',
  ] as const;
  for (const action of CALLS) {
    // Permissions change, or the API is throttled for an hour, and lost events are not found in silence.
    test(`starts a sweep, and fails, when ${action} is denied or throttled`, async (context) => {
      const { aws, probe, wait, sweeps, drain, pass } = await probed(context);
      wait(2);
      drain(instance(1));
      const [service] = action.split(':');
      assert.ok(service === 'autoscaling' || service === 'ecs' || service === 'ec2');
      for (const fault of [awsError(service, 'AccessDenied'), { kind: 'throttle' } as const]) {
        const rule = aws.faults.add({ when: ({ path }) => path === action, fault });
        const before = sweeps().length;
        const end = await probe();
        assert.equal(end.status, 'FAILED', 'the alarm must miss its success');
        assert.equal(sweeps().length, before + 1);
        const reasons = aws.tasks.at(-1)?.tags.map(({ value }) => value);
        assert.match(String(reasons), /^could not look: FAILED \w+\.\w+$/);
        rule.remove();
        pass(6 * MINUTE);
      }
    });
  }

  // A response of more than 256 KiB ends the state machine, and no Catch catches that.
  test('starts a sweep, and fails, when a response is too large', async (context) => {
    const { aws, probe, sweeps } = await probed(context);
    const page = Array.from(
      { length: 50 },
      (_, n) => `<member><InstanceId>${instance(n)}${'x'.repeat(6_000)}</InstanceId></member>`,
    );
    const body = `<DescribeAutoScalingInstancesResponse><DescribeAutoScalingInstancesResult><AutoScalingInstances>${page.join('')}</AutoScalingInstances></DescribeAutoScalingInstancesResult></DescribeAutoScalingInstancesResponse>`;
    aws.faults.add({
      when: ({ path }) => path === 'autoscaling:DescribeAutoScalingInstances',
      fault: { kind: 'status', status: 200, body },
    });
    assert.equal((await probe()).status, 'FAILED');
    assert.equal(sweeps().length, 1);
    assert.match(String(aws.tasks[0]?.tags[0]?.value), /States.DataLimitExceeded/);
  });

  // Capacity is short for a minute, and nothing is tried again until somebody looks.
  test('tries for less than a minute to start a sweep, and the next probe tries again', async (context) => {
    const { aws, probe, wait, sweeps, pass } = await probed(context);
    wait(1);
    const refusals = aws.refuseTasks({ reason: 'Capacity is unavailable at this time' });
    assert.equal((await probe()).status, 'FAILED');
    const attempts = aws.stateMachineCalls.filter(({ action }) => action === 'ecs:RunTask').length;
    assert.equal(attempts, 5, 'five attempts with ten seconds between them');
    assert.deepEqual(aws.queueMessages, [], 'no dead letter for each minute of an outage');
    refusals.end();
    pass(MINUTE);
    assert.equal((await probe()).status, 'SUCCEEDED');
    assert.equal(sweeps().length, 1);
  });

  // A hundred tasks die together, and start a hundred sweeps.
  test('dead tasks start probes, and a minute has one sweep', async (context) => {
    const { aws, wait, sweeps, drain, end, allExecutions, pass } = await probed(context);
    wait(10);
    for (let n = 1; n <= 10; n++) drain(instance(n));
    pass(10 * MINUTE);
    for (const { taskArn } of [...aws.tasks]) end(taskArn, 137);
    await allExecutions();
    assert.equal(aws.executions.filter(({ stateMachine }) => stateMachine === 'node-drainer-Starter').length, 10);
    assert.equal(sweeps().length, 1);
    assert.equal(sweeps()[0]?.['WAITING_INSTANCES']?.split(' ')[0], instance(1));
  });

  // The drain of a person who stopped it starts again; or one that succeeded does.
  test('a task that ended with a result starts no probe', async (context) => {
    const { aws, wait, drain, end } = await probed(context);
    wait(3);
    for (let n = 1; n <= 3; n++) drain(instance(n));
    for (const [n, code] of [0, 1, 3].entries()) end(aws.tasks[n]?.taskArn ?? '', code);
    assert.deepEqual(aws.executions, []);
  });

  // A permission is left over, or a call is denied in the real account.
  test('the state machines call what their role allows, and the role allows nothing else', async (context) => {
    // Slower: the workflow ends after five minutes, and a slow machine must not use up the last of them.
    const { aws, probe, wait, drain, allExecutions } = await probed(context, EKS, 20);
    wait(2);
    drain(instance(1));
    await probe();
    aws.refuseTasks({ reason: 'Capacity is unavailable at this time' });
    aws.putEvent(returned('WarmPool'));
    await allExecutions();
    assert.match(aws.queueMessages[0]?.body ?? '', /Capacity is unavailable/, 'given up after four minutes');
    const called = new Set(aws.stateMachineCalls.map(({ action }) => action));
    // For EventBridge and its Scheduler; RunTask needs the last two.
    const others = ['states:StartExecution', 'ecs:TagResource', 'iam:PassRole'];
    assert.deepEqual([...called, ...others].sort(), actionsOf(drainer(), 'StartRole'));
  });
});

describe('instances that return', () => {
  // https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
  // Every launch starts a task; or the node of an instance that is back stays cordoned.
  test('an instance from a warm pool or with a new root volume starts an undo, and a new one does not', async (context) => {
    const { aws } = await probed(context);
    aws.putEvent(returned('EC2'));
    assert.equal(aws.executions.length, 0);
    for (const origin of ['WarmPool', 'AutoScalingGroup']) {
      aws.putEvent(returned(origin));
      // Delivered twice.
      aws.putEvent(returned(origin));
    }
    await Promise.all(aws.executions.map(({ ended }) => ended));
    assert.deepEqual(
      aws.tasks.map(({ command, overrides }) => [command, overrides]),
      [[['undo'], { INSTANCE_ID: instance(1), ONLY_DRAINED: 'true' }]],
    );
  });
});

function returned(Origin: string) {
  return {
    source: 'aws.autoscaling',
    'detail-type': 'EC2 Instance Launch Successful',
    time: '2026-11-27T10:00:00Z',
    detail: { AutoScalingGroupName: 'workers', EC2InstanceId: instance(1), Origin, Destination: 'AutoScalingGroup' },
  };
}
