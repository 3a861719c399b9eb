import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startKubernetes } from '../../simulator/kubernetes/simulator.ts';
import { at, type Body, eventually, items, MERGE, TestCluster, workload } from './test-cluster.ts';

const cluster = new TestCluster(await startKubernetes());
after(() => cluster.stop());

const RESTARTED = 'kubectl.kubernetes.io/restartedAt';

/** A Deployment in a namespace of its own, whose pods are ready after 100 ms. */
async function deployment(replicas: number, spec: Body = {}) {
  const namespace = await cluster.namespace();
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const body = workload('web', replicas, { 'lab/ready-ms': '100' });
  const created = await cluster.send('POST', path, { ...body, spec: { ...body.spec, ...spec } });
  assert.equal(created.status, 201, created.text);
  const read = async () => (await cluster.send('GET', `${path}/web`)).body;
  const patch = (change: Body) => cluster.send('PATCH', `${path}/web`, change, MERGE);
  const until = (what: string, holds: (now: Body) => boolean) =>
    eventually(async () => {
      const now = await read();
      return holds(now) ? now : undefined;
    }, what);
  const pods = async () => items(await cluster.send('GET', `/api/v1/namespaces/${namespace}/pods`));
  return {
    read,
    patch,
    until,
    pods,
    restart: (value: string | null = '2026-01-02T03:04:05Z') =>
      patch({ spec: { template: { metadata: { annotations: { [RESTARTED]: value } } } } }),
    sets: async () => items(await cluster.send('GET', `/apis/apps/v1/namespaces/${namespace}/replicasets`)),
    complete: () => until('the rollout is complete', isComplete),
  };
}

/** https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/util/deployment_util.go (DeploymentComplete) */
function isComplete(now: Body): boolean {
  const count = (field: string) => at(now, 'status', field) ?? 0;
  const wanted = at(now, 'spec', 'replicas');
  return (
    ['replicas', 'updatedReplicas', 'availableReplicas'].every((field) => count(field) === wanted) &&
    Number(count('observedGeneration')) >= Number(at(now, 'metadata', 'generation'))
  );
}

const conditionOf = (now: Body, type: string) => {
  const conditions = at(now, 'status', 'conditions');
  return Array.isArray(conditions) ? conditions.find((each) => at(each, 'type') === type) : undefined;
};
const isReady = (pod: unknown) => {
  const conditions = at(pod, 'status', 'conditions');
  const isTrue = (each: unknown) => at(each, 'type') === 'Ready' && at(each, 'status') === 'True';
  return at(pod, 'metadata', 'deletionTimestamp') === undefined && Array.isArray(conditions) && conditions.some(isTrue);
};

/** The fewest ready pods, and the most pods, at any moment of this work. */
async function counted(pods: () => Promise<unknown[]>, work: () => Promise<unknown>): Promise<[number, number]> {
  let fewest = Number.POSITIVE_INFINITY;
  let most = 0;
  let isOver = false;
  const watched = (async () => {
    while (!isOver) {
      const now = await pods();
      fewest = Math.min(fewest, now.filter(isReady).length);
      most = Math.max(most, now.filter((pod) => at(pod, 'metadata', 'deletionTimestamp') === undefined).length);
    }
  })();
  await work();
  isOver = true;
  await watched;
  return [fewest, most];
}

// The simulator took the old pods first, whatever the strategy said: a restart looked like an outage.
for (const [replicas, strategy, fewest, most] of [
  [1, {}, 1, 2],
  [4, {}, 3, 5],
  [4, { maxSurge: 1, maxUnavailable: 0 }, 4, 5],
  [3, { maxSurge: 0, maxUnavailable: 1 }, 2, 3],
] as const) {
  test(`a rolling update of ${replicas} pods with ${JSON.stringify(strategy)} keeps ${fewest} ready, and has ${most} at most`, async () => {
    const web = await deployment(replicas, { strategy: { rollingUpdate: strategy } });
    await web.complete();
    const restarted = async () => {
      await web.restart();
      await web.complete();
    };
    const [fewestSeen, mostSeen] = await counted(web.pods, restarted);
    assert.ok(fewestSeen >= fewest, `${fewestSeen} were ready`);
    assert.ok(mostSeen <= most, `there were ${mostSeen}`);
    assert.ok((await web.pods()).filter(isReady).every((pod) => at(pod, 'metadata', 'annotations', RESTARTED)));
  });
}

// Who believes that every Deployment surges restarts one that stops first.
test('Recreate has no new pod before the last old one is gone', async () => {
  const web = await deployment(2, { strategy: { type: 'Recreate' } });
  await web.complete();
  const restarted = async () => {
    await web.restart();
    await web.complete();
  };
  assert.deepEqual(await counted(web.pods, restarted), [0, 2]);
});

// `kubectl rollout undo`, and a GitOps manager that takes a restart back: the old ReplicaSet is the current one again.
test('a template that is back is rolled out by the ReplicaSet that it had, under a new revision', async () => {
  const web = await deployment(1);
  await web.complete();
  const [before] = await web.sets();
  await web.restart();
  await web.complete();
  assert.equal((await web.sets()).length, 2);
  await web.restart(null);
  const now = await web.complete();
  assert.equal(at(now, 'metadata', 'annotations', 'deployment.kubernetes.io/revision'), '3');
  const sets = await web.sets();
  const scales = sets.map((set) => [
    at(set, 'metadata', 'uid') === at(before, 'metadata', 'uid'),
    at(set, 'spec', 'replicas'),
  ]);
  assert.deepEqual(scales.sort(), [
    [false, 0],
    [true, 1],
  ]);
});

// A wait for a rollout that is paused never ends.
test('a paused Deployment is not rolled out, and says so; it is once it is resumed', async () => {
  const web = await deployment(1, { paused: true });
  const paused = await web.until('it is observed', (now) => at(now, 'status', 'observedGeneration') === 1);
  assert.equal(at(conditionOf(paused, 'Progressing'), 'reason'), 'DeploymentPaused');
  assert.equal((await web.sets()).length, 0);
  await web.patch({ spec: { paused: null } });
  const resumed = await web.complete();
  assert.equal(at(conditionOf(resumed, 'Progressing'), 'reason'), 'NewReplicaSetAvailable');
});

// The only sign that a rollout will never end.
test('a rollout without progress exceeds its deadline, and keeps the old pod', async () => {
  const web = await deployment(1, { progressDeadlineSeconds: 1 });
  await web.complete();
  const annotations = { [RESTARTED]: '2026-01-02T03:04:05Z', 'lab/ready-ms': '3600000' };
  await web.patch({ spec: { template: { metadata: { annotations } } } });
  const stuck = await web.until(
    'its deadline is exceeded',
    (now) => at(conditionOf(now, 'Progressing'), 'status') === 'False',
  );
  assert.equal(at(conditionOf(stuck, 'Progressing'), 'reason'), 'ProgressDeadlineExceeded');
  assert.equal(at(conditionOf(stuck, 'Available'), 'status'), 'True');
  assert.equal((await web.pods()).filter(isReady).length, 1);
});

// A pod that is ready but not available yet does not replace another.
test('minReadySeconds keep the old pod until the new one has been ready for so long', async () => {
  const web = await deployment(1, { minReadySeconds: 2 });
  await web.complete();
  await web.restart();
  await eventually(async () => ((await web.pods()).filter(isReady).length === 2 ? true : undefined), 'both are ready');
  assert.equal(isComplete(await web.read()), false);
  await web.complete();
});

test('a change of scale is no rollout', async () => {
  const web = await deployment(1);
  const before = await web.complete();
  await web.patch({ spec: { replicas: 3 } });
  const now = await web.until('it has three pods', (now) => isComplete(now) && at(now, 'status', 'replicas') === 3);
  assert.equal((await web.sets()).length, 1);
  assert.deepEqual(conditionOf(now, 'Progressing'), conditionOf(before, 'Progressing'));
  await web.patch({ spec: { replicas: 2 } });
  await web.until('it has two pods', (now) => isComplete(now) && at(now, 'status', 'replicas') === 2);
});

// A resourceVersion in a patch is how of two writers one finds out.
test('of two patches of the same version the second is a conflict', async () => {
  const web = await deployment(1);
  const now = await web.complete();
  const metadata = { resourceVersion: at(now, 'metadata', 'resourceVersion') };
  const patch = (value: string) =>
    web.patch({ metadata, spec: { template: { metadata: { annotations: { [RESTARTED]: value } } } } });
  assert.equal((await patch('one')).status, 200);
  assert.equal((await patch('two')).status, 409);
});

test('a strategy under which nothing could ever move is invalid', async () => {
  const namespace = await cluster.namespace();
  const body = workload('web', 1);
  const strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } };
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const answer = await cluster.send('POST', path, { ...body, spec: { ...body.spec, strategy } });
  assert.equal(answer.status, 422);
  assert.match(answer.text, /may not be 0 when `maxSurge` is 0/);
});
