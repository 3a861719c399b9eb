import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { noHarm } from '../witness/harm.ts';
import { GROUP, HOOK, KUBECONFIG_SETTINGS, NO_LOAD_BALANCERS } from './account.ts';
import { Fargate, TASK_PLACEMENT } from './fargate.ts';
import { actionOf, INSTANCE, type ProcessFixture, processFixture } from './process-fixture.ts';
import { Program, summaryOf } from './program.ts';

/** A process fixture whose simulated ECS runs the program as its tasks. */
async function fargateFixture(
  context: TestContext,
): Promise<{ fixture: ProcessFixture; fargate: Fargate; environment: Environment }> {
  const fixture = await processFixture(context);
  const environment = {
    ...fixture.aws.environment,
    ...KUBECONFIG_SETTINGS,
    ...TASK_PLACEMENT,
    ...NO_LOAD_BALANCERS,
  };
  return { fixture, fargate: new Fargate(fixture.aws, environment), environment };
}

type Environment = Record<string, string>;

const sweep = (environment: Environment) => new Program(['sweep'], { ...environment, LIFECYCLE_HOOK_NAME: HOOK });

/** Removes the finalizers of a pod. */
async function release({ core }: ProcessFixture, name: string): Promise<void> {
  const body = [{ op: 'remove', path: '/metadata/finalizers' }];
  await core.patchNamespacedPod({ name, namespace: 'default', body });
}

// Fargate does not replace a task that it stops: the node stays undrained until its hook times out.
test('a drain that receives SIGTERM continues in a successor task, and the hook is completed once with CONTINUE', async (context) => {
  const { fixture, fargate, environment } = await fargateFixture(context);
  await fixture.addPod('web', { finalizers: ['test/hold'] });
  fixture.aws.terminateInstance(INSTANCE);
  const startedAt = Date.now();
  const first = new Program(['drain'], {
    ...environment,
    INSTANCE_ID: INSTANCE,
    AUTO_SCALING_GROUP_NAME: GROUP,
    LIFECYCLE_HOOK_NAME: HOOK,
    LIFECYCLE_ACTION_TIME: new Date().toISOString(),
  });
  await first.line('eviction accepted');
  const heartbeats = actionOf(fixture).heartbeats;
  const stoppedAt = Date.now();
  first.kill('SIGTERM');
  const ended = await first.ended();
  assert.equal(ended.code, 0);
  assert.equal(summaryOf(ended)['result'], 'handed over');
  assert.ok(actionOf(fixture).heartbeats > heartbeats, 'one more heartbeat before the hand-over');

  const [successor] = fargate.tasks;
  assert.ok(successor);
  await successor.line('pod waiting');
  await release(fixture, 'web');
  const [last] = await fargate.allEnded();
  assert.ok(last);
  assert.deepEqual([last.code, summaryOf(last)['result']], [0, 'drained']);
  assert.equal(actionOf(fixture).result, 'CONTINUE');
  const [task] = fixture.aws.tasks;
  assert.equal(task?.overrides['GENERATION'], '1');
  const drainTime = Date.parse(task?.overrides['DRAIN_TIME'] ?? '');
  assert.ok(drainTime > startedAt && drainTime < stoppedAt, 'the deadline counts from the start of the first task');
  assert.equal(task?.startedBy, 'hand-over');
  assert.equal(task?.launchType, 'FARGATE');
  const completions = fixture.aws.requests.filter(({ action }) => action === 'autoscaling:CompleteLifecycleAction');
  assert.equal(completions.length, 1);
  await noHarm(fixture.witness);
});

// A worker that retries until SIGKILL writes no summary, and the reason is lost.
test('a worker that cannot start a successor reports it and exits before SIGKILL', async (context) => {
  const { fixture, environment } = await fargateFixture(context);
  await fixture.addPod('web', { finalizers: ['test/hold'] });
  fixture.aws.terminateInstance(INSTANCE);
  fixture.aws.refuseTasks({ reason: 'Capacity is unavailable at this time.' });
  const first = new Program(['drain'], { ...environment, INSTANCE_ID: INSTANCE });
  await first.line('eviction accepted');
  const stoppedAt = Date.now();
  first.kill('SIGTERM');
  const ended = await first.ended();
  assert.equal(ended.code, 143);
  assert.ok(Date.now() - stoppedAt < 20_000);
  assert.match(ended.lines.find(({ event }) => event === 'hand-over failed')?.message ?? '', /Capacity is unavailable/);
  assert.equal(actionOf(fixture).state, 'pending');
  await noHarm(fixture.witness);
});

// A killed worker has no successor: without the sweep, its instance is terminated with its pods.
test('a sweep starts one task for the instance of a killed worker, and the next sweep starts none', async (context) => {
  const { fixture, fargate, environment } = await fargateFixture(context);
  await fixture.addPod('web', { finalizers: ['test/hold'] });
  fixture.aws.terminateInstance(INSTANCE);
  const first = new Program(['drain'], { ...environment, INSTANCE_ID: INSTANCE });
  await first.line('eviction accepted');
  first.kill('SIGKILL');
  await first.ended();

  const swept = await sweep(environment).ended();
  assert.equal(swept.code, 0);
  assert.match(swept.lines.at(-1)?.message ?? '', /1 instance waiting, 0 with a task, 1 started, 0 refused/);
  const again = await sweep(environment).ended();
  assert.match(again.lines.at(-1)?.message ?? '', /1 instance waiting, 1 with a task, 0 started, 0 refused/);

  await release(fixture, 'web');
  const [last, ...more] = await fargate.allEnded();
  assert.deepEqual([last?.code, more.length], [0, 0]);
  assert.equal(actionOf(fixture).result, 'CONTINUE');
  await noHarm(fixture.witness);
});

// A task of a sweep that uses its own start as actionStartedAt misses the last resort before the instance is terminated.
test('the task of a sweep looks up when the action started, and passes it to its successor', async (context) => {
  const { fixture, fargate, environment } = await fargateFixture(context);
  await fixture.addPod('web', { finalizers: ['test/hold'] });
  fixture.aws.terminateInstance(INSTANCE);
  const actionStartedAt = new Date(actionOf(fixture).startedAt).toISOString();
  await sweep(environment).ended();
  const [first] = fargate.tasks;
  await first?.line('eviction accepted');
  first?.kill('SIGTERM');
  await first?.ended();
  await fargate.tasks[1]?.line('pod waiting');
  assert.deepEqual(
    fixture.aws.tasks.map(({ overrides }) => overrides['LIFECYCLE_ACTION_TIME']),
    [undefined, actionStartedAt],
  );
  const lookUps = fixture.aws.requests.filter(({ action }) => action === 'autoscaling:DescribeScalingActivities');
  assert.equal(lookUps.length, 1, 'the successor does not look it up again');
  await release(fixture, 'web');
  await fargate.allEnded();
  assert.equal(actionOf(fixture).result, 'CONTINUE');
  await noHarm(fixture.witness);
});

// In a region with several clusters, every sweep starts tasks that have nothing to do, every few minutes.
test('a sweep starts nothing for the instance of another EKS cluster', async (context) => {
  const { fixture, environment } = await fargateFixture(context);
  const started: string[] = [];
  fixture.aws.onRunTask(({ environment: { INSTANCE_ID = '' } }) => started.push(INSTANCE_ID));
  const instanceId = 'i-0fedcba9876543210';
  fixture.aws.launchInstance({
    instanceId,
    autoScalingGroupName: GROUP,
    tags: { 'kubernetes.io/cluster/other': 'owned' },
  });
  for (const id of [INSTANCE, instanceId]) fixture.aws.terminateInstance(id);
  const ofEks = { ...environment, CLUSTER_NAME: 'prod', KUBE_CONFIG_BUCKET: '', KUBE_CONFIG_OBJECT: '' };
  const { lines, code } = await sweep(ofEks).ended();
  assert.equal(code, 0);
  assert.deepEqual(started, [INSTANCE]);
  assert.match(lines.at(-1)?.message ?? '', /1 of other clusters/);
  await noHarm(fixture.witness);
});

// A sweep that does not report missing capacity looks like a sweep with nothing to do.
test('a sweep reports a task that ECS refuses and starts it later, and fails when it cannot list the groups', async (context) => {
  const { fixture, environment } = await fargateFixture(context);
  fixture.aws.terminateInstance(INSTANCE);
  const refusal = fixture.aws.refuseTasks({ reason: 'RESOURCE:ENI' });
  const refused = sweep(environment);
  assert.match((await refused.line('task refused')).message, /1 instance \(i-\w+\): RESOURCE:ENI/);
  refusal.end();
  const swept = await refused.ended();
  assert.deepEqual([swept.code, swept.lines.at(-1)?.['started'], swept.lines.at(-1)?.['refused']], [0, 1, 0]);
  fixture.aws.faults.add({
    when: ({ path }) => path === 'autoscaling:DescribeAutoScalingGroups',
    fault: ACCESS_DENIED,
  });
  const denied = await sweep(environment).ended();
  assert.equal(denied.code, 1);
  const failed = denied.lines.find(({ event }) => event === 'run failed');
  assert.match(String(failed?.['advice']), /autoscaling:DescribeAutoScalingGroups/);
  await noHarm(fixture.witness);
});

// Duplicate events start two workers on one node, and one of them fails or completes the hook a second time.
test('two workers on one instance both exit with 0, and the hook is completed once with CONTINUE', async (context) => {
  const { fixture, environment } = await fargateFixture(context);
  await Promise.all(Array.from({ length: 12 }, (_, index) => fixture.addPod(`web-${index}`)));
  fixture.aws.terminateInstance(INSTANCE);
  const workers = [1, 2].map(() => new Program(['drain'], { ...environment, INSTANCE_ID: INSTANCE }));
  const ended = await Promise.all(workers.map((worker) => worker.ended()));
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0],
  );
  const { items } = await fixture.core.listNamespacedPod({ namespace: 'default' });
  assert.equal(items.length, 0);
  assert.equal(actionOf(fixture).result, 'CONTINUE');
  assert.equal(ended.flatMap(({ lines }) => lines.filter(({ event }) => event === 'hook completed')).length, 1);
  await noHarm(fixture.witness);
});
