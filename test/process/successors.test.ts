import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { GROUP, HOOK, IN_BUCKET } from './account.ts';
import { Fargate, PLACE } from './fargate.ts';
import { actionOf, INSTANCE, type World, world } from './process-fixture.ts';
import { Program, summaryOf } from './program.ts';

/** A world whose simulated ECS runs the program. */
async function fargateWorld(context: TestContext): Promise<{ w: World; fargate: Fargate; environment: Environment }> {
  const w = await world(context);
  const environment = { ...w.aws.environment, ...IN_BUCKET, ...PLACE };
  return { w, fargate: new Fargate(w.aws, environment), environment };
}

type Environment = Record<string, string>;

const sweep = (environment: Environment) => new Program(['sweep'], { ...environment, LIFECYCLE_HOOK_NAME: HOOK });

/** Lets a pod go that a finalizer holds. */
async function release({ core }: World, name: string): Promise<void> {
  const body = [{ op: 'remove', path: '/metadata/finalizers' }];
  await core.patchNamespacedPod({ name, namespace: 'default', body });
}

// Fargate does not replace a task that it takes away: the node would wait undrained until its hook times out.
test('a drain that is told to stop goes on in another task, and the hook hears one CONTINUE', async (context) => {
  const { w, fargate, environment } = await fargateWorld(context);
  await w.addPod('web', { finalizers: ['test/hold'] });
  w.aws.terminateInstance(INSTANCE);
  const startedAt = Date.now();
  const first = new Program(['drain'], {
    ...environment,
    INSTANCE_ID: INSTANCE,
    AUTO_SCALING_GROUP_NAME: GROUP,
    LIFECYCLE_HOOK_NAME: HOOK,
    LIFECYCLE_ACTION_TIME: new Date().toISOString(),
  });
  await first.line('eviction accepted');
  const beats = actionOf(w).beats;
  const toldAt = Date.now();
  first.kill('SIGTERM');
  const ended = await first.ended();
  assert.equal(ended.code, 0);
  assert.equal(summaryOf(ended)['result'], 'handed over');
  assert.ok(actionOf(w).beats > beats, 'it beat once more');

  const [successor] = fargate.tasks;
  assert.ok(successor);
  await successor.line('pod waiting');
  await release(w, 'web');
  const [last] = await fargate.allEnded();
  assert.ok(last);
  assert.deepEqual([last.code, summaryOf(last)['result']], [0, 'drained']);
  assert.equal(actionOf(w).result, 'CONTINUE');
  const [task] = w.aws.tasks;
  assert.equal(task?.overrides['GENERATION'], '1');
  const drainTime = Date.parse(task?.overrides['DRAIN_TIME'] ?? '');
  assert.ok(drainTime > startedAt && drainTime < toldAt, 'its deadline counts from here');
  assert.equal(task?.startedBy, 'hand-over');
  assert.equal(task?.launchType, 'FARGATE');
  const completions = w.aws.requests.filter(({ action }) => action === 'autoscaling:CompleteLifecycleAction');
  assert.equal(completions.length, 1);
});

test('a worker that finds no place for a successor says so, and is gone before SIGKILL', async (context) => {
  const { w, environment } = await fargateWorld(context);
  await w.addPod('web', { finalizers: ['test/hold'] });
  w.aws.terminateInstance(INSTANCE);
  w.aws.refuseTasks({ reason: 'Capacity is unavailable at this time.' });
  const first = new Program(['drain'], { ...environment, INSTANCE_ID: INSTANCE });
  await first.line('eviction accepted');
  const toldAt = Date.now();
  first.kill('SIGTERM');
  const ended = await first.ended();
  assert.equal(ended.code, 143);
  assert.ok(Date.now() - toldAt < 20_000);
  assert.match(ended.lines.find(({ event }) => event === 'hand-over failed')?.message ?? '', /Capacity is unavailable/);
  assert.equal(actionOf(w).state, 'pending');
});

// A worker that is killed leaves nobody behind; without the sweep its instance is terminated with its pods.
test('a sweep drains the instance of a worker that was killed, and does nothing when it is asked again', async (context) => {
  const { w, fargate, environment } = await fargateWorld(context);
  await w.addPod('web', { finalizers: ['test/hold'] });
  w.aws.terminateInstance(INSTANCE);
  const first = new Program(['drain'], { ...environment, INSTANCE_ID: INSTANCE });
  await first.line('eviction accepted');
  first.kill('SIGKILL');
  await first.ended();

  const swept = await sweep(environment).ended();
  assert.equal(swept.code, 0);
  assert.match(swept.lines.at(-1)?.message ?? '', /1 instance waits in the hook, 0 have a task, 1 started, 0 refused/);
  const again = await sweep(environment).ended();
  assert.match(again.lines.at(-1)?.message ?? '', /1 instance waits in the hook, 1 has a task, 0 started, 0 refused/);

  await release(w, 'web');
  const [last, ...more] = await fargate.allEnded();
  assert.deepEqual([last?.code, more.length], [0, 0]);
  assert.equal(actionOf(w).result, 'CONTINUE');
});

// A sweep's task that takes its own start for that of the action is not in a hurry when its instance is about to go.
test('the task of a sweep knows when the action began, and tells its successor', async (context) => {
  const { w, fargate, environment } = await fargateWorld(context);
  await w.addPod('web', { finalizers: ['test/hold'] });
  w.aws.terminateInstance(INSTANCE);
  const began = new Date(actionOf(w).startedAt).toISOString();
  await sweep(environment).ended();
  const [first] = fargate.tasks;
  await first?.line('eviction accepted');
  first?.kill('SIGTERM');
  await first?.ended();
  await fargate.tasks[1]?.line('pod waiting');
  assert.deepEqual(
    w.aws.tasks.map(({ overrides }) => overrides['LIFECYCLE_ACTION_TIME']),
    [undefined, began],
  );
  const lookUps = w.aws.requests.filter(({ action }) => action === 'autoscaling:DescribeScalingActivities');
  assert.equal(lookUps.length, 1, 'who was told asks nobody');
  await release(w, 'web');
  await fargate.allEnded();
  assert.equal(actionOf(w).result, 'CONTINUE');
});

// In a region of several clusters each sweep would start tasks that only find out that they are not needed, every few minutes.
test('a sweep starts nothing for the instance of another EKS cluster', async (context) => {
  const { w, environment } = await fargateWorld(context);
  const started: string[] = [];
  w.aws.onRunTask(({ environment: { INSTANCE_ID = '' } }) => started.push(INSTANCE_ID));
  const instanceId = 'i-0fedcba9876543210';
  w.aws.launchInstance({ instanceId, autoScalingGroupName: GROUP, tags: { 'kubernetes.io/cluster/other': 'owned' } });
  for (const id of [INSTANCE, instanceId]) w.aws.terminateInstance(id);
  const ofEks = { ...environment, CLUSTER_NAME: 'prod', KUBE_CONFIG_BUCKET: '', KUBE_CONFIG_OBJECT: '' };
  const { lines, code } = await sweep(ofEks).ended();
  assert.equal(code, 0);
  assert.deepEqual(started, [INSTANCE]);
  assert.match(lines.at(-1)?.message ?? '', /1 of other clusters/);
});

// A sweep that says nothing of a full region looks like a sweep with nothing to do.
test('a sweep tells what ECS refuses, and that it cannot look', async (context) => {
  const { w, environment } = await fargateWorld(context);
  w.aws.terminateInstance(INSTANCE);
  const refusal = w.aws.refuseTasks({ reason: 'RESOURCE:ENI' });
  const refused = await sweep(environment).ended();
  assert.equal(refused.code, 0);
  assert.match(refused.lines.find(({ event }) => event === 'task refused')?.message ?? '', /RESOURCE:ENI/);
  refusal.end();
  w.aws.faults.add({
    when: ({ path }) => path === 'autoscaling:DescribeAutoScalingGroups',
    fault: ACCESS_DENIED,
  });
  const blind = await sweep(environment).ended();
  assert.equal(blind.code, 1);
  const failed = blind.lines.find(({ event }) => event === 'run failed');
  assert.match(String(failed?.['advice']), /autoscaling:DescribeAutoScalingGroups/);
});

// Duplicate events start two workers on one node.
test('two workers on one instance both end well, and the hook hears one CONTINUE', async (context) => {
  const { w, environment } = await fargateWorld(context);
  await Promise.all(Array.from({ length: 12 }, (_, index) => w.addPod(`web-${index}`)));
  w.aws.terminateInstance(INSTANCE);
  const workers = [1, 2].map(() => new Program(['drain'], { ...environment, INSTANCE_ID: INSTANCE }));
  const ended = await Promise.all(workers.map((worker) => worker.ended()));
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0],
  );
  const { items } = await w.core.listNamespacedPod({ namespace: 'default' });
  assert.equal(items.length, 0);
  assert.equal(actionOf(w).result, 'CONTINUE');
  assert.equal(ended.flatMap(({ lines }) => lines.filter(({ event }) => event === 'hook completed')).length, 1);
});
