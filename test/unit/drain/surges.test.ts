import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

/** A Deployment of this many replicas on the node, all of which its budget needs. */
function blocked(replicas = 1, more: Parameters<ReturnType<typeof draining>['cluster']['deployments']['add']>[1] = {}) {
  const drain = draining();
  const { cluster, recorder } = drain;
  const controller = cluster.deployments.add('web', { replicas, ...more });
  for (const one of podsOf('web', replicas, { controller })) cluster.add(one, { shutdownMs: 5_000 });
  cluster.budgets.add('web', replicas);
  return {
    ...drain,
    start: (options: Parameters<typeof drain.start>[0] = {}) => drain.start({ surge: 'blocked', ...options }),
    reported: (type: `surge ${string}`) =>
      recorder.recorded.flatMap(({ event }) => (event.type === type ? [event] : [])),
    warnings: () => recorder.of('warning').map(({ message }) => message),
    waits: () => recorder.of('pod waiting').map(({ pod, waitReason }) => `${pod} ${waitReason}`),
  };
}

// One replica with minAvailable 1: every drainer waits for it until the instance ends, and then it is down.
test('a Deployment whose budget can never allow an eviction is restarted once, and leaves the node', async () => {
  const { clock, cluster, start, reported, waits } = blocked();
  const { done } = await start();
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(
    cluster.deployments.restarts.map(({ name }) => name),
    ['shop/web'],
  );
  assert.deepEqual(reported('surge started'), [
    { type: 'surge started', deployment: 'shop/web', replicas: 1, budgets: ['shop/web'] },
  ]);
  assert.equal(reported('surge finished').length, 1);
  assert.deepEqual(waits(), ['shop/web-0 budget', 'shop/web-0 surge']);
  assert.equal(cluster.observers, 0);
});

// It was never asked for: a restart is a change of the application.
test('with SURGE=off nothing is restarted', async () => {
  const { clock, cluster, start } = blocked();
  await start({ surge: 'off' });
  await clock.advance(600_000);
  assert.deepEqual(cluster.deployments.restarts, []);
});

// The pod's eviction would be allowed as soon as the new pod is ready, at the same moment in which the Deployment ends it.
test('no pod of a Deployment that is restarting is evicted', async () => {
  const { clock, cluster, start } = blocked(3);
  const { done, startedAt } = await start();
  await clock.until(done, 60_000);
  const restartedAt = cluster.deployments.restarts[0]?.at ?? 0;
  assert.ok(restartedAt >= startedAt);
  assert.deepEqual(
    cluster.evictions.filter(({ at, reply }) => at >= restartedAt && reply === 'accepted'),
    [],
  );
});

// An optional right is missing: the drain of a whole fleet must not fail for that.
test('without the right to restart there is one warning, and the pods wait for their budgets', async () => {
  const { clock, cluster, start, reported, warnings } = blocked();
  const denied = new Denied('deployments.apps "web" is forbidden: User "node-drainer" cannot patch resource');
  let tries = 0;
  cluster.fault = (call) => (call === 'restart deployment' && ++tries > 0 ? denied : undefined);
  const { done } = await start();
  await clock.advance(600_000);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0] ?? '', /infra\/kubernetes\/surge\.yaml/);
  assert.deepEqual(reported('surge started'), []);
  // Nor is it tried for the next Deployment.
  cluster.budgets.add('api', 1);
  cluster.add(pod('api-0', { labels: { app: 'api' }, controller: cluster.deployments.add('api') }));
  await clock.advance(60_000);
  assert.equal(tries, 1);
  for (const name of ['web', 'api']) cluster.budgets.add(name, 0);
  cluster.add(pod('another'), {}, false);
  assert.equal(await clock.until(done, 60_000), 'drained');
});

// The API fails for a moment, or its answer to the restart is lost: a second restart would replace the new pods again.
test('a restart whose answer is lost is not sent again', async () => {
  const { clock, cluster, start, reported } = blocked();
  let lost = 0;
  cluster.fault = (call) =>
    call === 'restart deployment: answer' && ++lost === 1
      ? new Failure('connection reset', { transient: true })
      : undefined;
  const { done } = await start();
  await clock.until(done, 60_000);
  assert.equal(cluster.deployments.restarts.length, 1);
  assert.equal(reported('surge finished').length, 1);
});

// Another client writes the Deployment between our read and our write.
test('a Deployment that changes under the restart is looked at again first', async () => {
  const { clock, cluster, start, reported } = blocked();
  let changes = 0;
  cluster.fault = (call) => {
    if (call === 'restart deployment' && ++changes === 1)
      cluster.deployments.change('shop/web', () => ({ paused: true }));
    return undefined;
  };
  await start();
  await clock.advance(60_000);
  assert.deepEqual(cluster.deployments.restarts, []);
  assert.match(JSON.stringify(reported('surge not possible')), /paused/);
});

// After an outage of minutes the budget is mended, and the pod is leaving: a restart would replace all others for nothing.
test('a Deployment whose pod does not wait any longer when the API answers is not restarted', async () => {
  const { clock, cluster, start } = blocked();
  cluster.add(pod('other', { labels: { app: 'web' } }), {}, false);
  let isAway = true;
  cluster.fault = (call) =>
    call === 'read deployment' && isAway ? new Failure('connection reset', { transient: true }) : undefined;
  cluster.budgets.add('web', 2);
  const { done } = await start();
  await clock.advance(60_000);
  cluster.budgets.add('web', 1);
  cluster.add(pod('another'), {}, false);
  await clock.advance(1_000);
  isAway = false;
  assert.equal(await clock.until(done, 120_000), 'drained');
  await clock.advance(60_000);
  assert.deepEqual(cluster.deployments.restarts, []);
});

// A controller that writes without end makes the drain write without end.
test('a Deployment that changes all the time is given up', async () => {
  const { clock, cluster, start, reported } = blocked();
  let tries = 0;
  cluster.fault = (call) => {
    if (call === 'restart deployment' && ++tries > 0) cluster.deployments.change('shop/web', () => ({}));
    return undefined;
  };
  await start();
  await clock.advance(600_000);
  assert.equal(tries, 10);
  assert.equal(reported('surge not possible').length, 1);
});

// A GitOps manager puts the template back: whoever restarts again fights with it for ever.
test('a restart that is taken back is a warning, and is not repeated', async () => {
  const { clock, cluster, start, reported, waits } = blocked();
  cluster.deployments.onRestart = 'hangs';
  await start();
  await clock.advance(10_000);
  cluster.deployments.change('shop/web', ({ generation }) => ({ generation: generation + 1, restartedAt: undefined }));
  await clock.advance(600_000);
  assert.equal(cluster.deployments.restarts.length, 1);
  assert.equal(reported('surge failed').length, 1);
  assert.match(JSON.stringify(reported('surge failed')), /taken the restart back/);
  assert.deepEqual(waits(), ['shop/web-0 budget', 'shop/web-0 surge', 'shop/web-0 budget']);
});

// The new pod never becomes ready; its controller says so after the progress deadline, or does not run at all.
for (const [how, act] of [
  ['exceeds its deadline', true],
  ['is not seen by any controller', false],
] as const) {
  test(`a restart that ${how} is waited for no longer, and not repeated`, async () => {
    const { clock, cluster, start, reported } = blocked(1, { progressDeadlineSeconds: 60 });
    cluster.deployments.onRestart = 'hangs';
    await start();
    await clock.advance(61_000);
    if (act) {
      cluster.deployments.change('shop/web', ({ generation, status }) => ({
        status: { ...status, observedGeneration: generation, replicas: 2, updated: 1, stalled: true },
      }));
    }
    await clock.advance(600_000);
    const [failed, ...more] = reported('surge failed');
    assert.deepEqual(more, []);
    assert.match(JSON.stringify(failed), act ? /ProgressDeadlineExceeded/ : /nothing has changed for 120 s/);
    assert.equal(cluster.deployments.restarts.length, 1);
    assert.equal(cluster.deployments.observers, 0);
  });
}

// A rollout of somebody else will move the pod; if it does not, because it is of the new template, the Deployment is restarted then.
test('a rollout in progress is waited for, and its Deployment is restarted afterwards only if the pod is still there', async () => {
  const rolling = { observedGeneration: 1, replicas: 2, updated: 1, available: 1, stalled: false };
  const { clock, cluster, start, reported } = blocked(1, { status: rolling });
  const { done } = await start();
  await clock.advance(30_000);
  assert.deepEqual(cluster.deployments.restarts, []);
  cluster.deployments.change('shop/web', ({ status }) => ({ status: { ...status, replicas: 1 } }));
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.equal(cluster.deployments.restarts.length, 1);
  assert.equal(reported('surge not possible').length, 0);
});

// The other drain's restart has moved the pod, and the watch of the pods is late.
test('a pod whose ReplicaSet is scaled down already is not the reason for a restart', async () => {
  const { clock, cluster, start } = blocked(1, { generation: 2 });
  // The pods are those of the first generation.
  cluster.deployments.change('shop/web', () => ({
    generation: 3,
    status: { observedGeneration: 3, replicas: 1, updated: 1, available: 1, stalled: false },
  }));
  await start();
  await clock.advance(60_000);
  assert.deepEqual(cluster.deployments.restarts, []);
});

// A successor task continues the drain; the task before it has restarted the Deployment, and its pod tolerates the cordon.
test('a Deployment that was restarted in this drain already is named, and not restarted again', async () => {
  const { clock, cluster, start, reported } = blocked();
  await clock.advance(1_000);
  cluster.deployments.change('shop/web', () => ({ restartedAt: clock.now() + 1_000 }));
  await start();
  await clock.advance(60_000);
  assert.deepEqual(cluster.deployments.restarts, []);
  assert.match(JSON.stringify(reported('surge not possible')), /during this drain/);
});

// One line for each workload, not one a plan.
test('a StatefulSet is named once, and left alone', async () => {
  const { clock, cluster, recorder, start } = draining();
  const controller = { kind: 'StatefulSet', name: 'db' };
  for (const one of podsOf('db', 3, { controller })) cluster.add(one);
  cluster.budgets.add('db', 3);
  await start({ surge: 'blocked' });
  await clock.advance(600_000);
  assert.deepEqual(recorder.of('surge not possible'), [
    {
      type: 'surge not possible',
      workload: 'StatefulSet shop/db',
      reason: 'a StatefulSet creates no new pod before the old one is gone',
    },
  ]);
});

// The role grants patch and not watch: what was restarted is not held on the node for a rollout that nobody follows.
test('without the right to watch the restarted Deployment there is the same warning, and its pods are not held', async () => {
  const { clock, cluster, start, warnings, waits } = blocked();
  cluster.deployments.onRestart = 'hangs';
  cluster.fault = (call) =>
    call === 'observe deployment' ? new Denied('cannot watch resource "deployments"') : undefined;
  await start();
  await clock.advance(60_000);
  assert.equal(warnings().length, 1);
  assert.equal(waits().at(-1), 'shop/web-0 budget');
  assert.equal(cluster.deployments.observers, 0);
});

// An autoscaler adds pods in the middle of the restart: the budget may have room now.
test('a restart during which the number of replicas changes is no longer waited for', async () => {
  const { clock, cluster, start, reported } = blocked();
  cluster.deployments.onRestart = 'hangs';
  await start();
  await clock.advance(10_000);
  cluster.deployments.change('shop/web', ({ generation }) => ({ generation: generation + 1, replicas: 3 }));
  await clock.advance(60_000);
  assert.match(JSON.stringify(reported('surge failed')), /from 1 to 3/);
  assert.equal(cluster.deployments.restarts.length, 1);
});

// A mistake of ours must not hide behind "not possible".
test('a bug ends the drain', async () => {
  const { clock, cluster, start } = blocked();
  cluster.fault = (call) => (call === 'read deployment' ? new TypeError('x is undefined') : undefined);
  const { done } = await start();
  await assert.rejects(clock.until(done, 60_000), TypeError);
});

// A rollout that outlives the drain must not keep its task alive.
test('a pod that has to end now does not wait for the restart, and the drain ends without it', async () => {
  const { clock, cluster, start } = blocked();
  cluster.deployments.onRestart = 'hangs';
  const { done } = await start({ action: { endsAt: clock.now() + 120_000, warnAt: clock.now() + 100_000 } });
  assert.equal(await clock.until(done, 120_000), 'drained');
  assert.equal(cluster.deployments.restarts.length, 1);
  assert.equal(cluster.observers, 0);
});
