import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opensAfter } from '../../../app/drain/gate.ts';
import { Failure } from '../../../app/lib/errors.ts';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

/** A drain whose lifecycle action ends after an hour; a pod with 30 s of grace has to end 113 s before that. */
async function hurrying() {
  const drain = draining();
  const at = drain.clock.now() + 1_000 + 3_600_000;
  const action = { endsAt: at, warnAt: at - 360_000 };
  type Options = Parameters<typeof drain.start>[0];
  const start = (options: Options = {}) => drain.start({ action, marginMs: 83_000, doNotDisruptUntil: at, ...options });
  return { ...drain, start };
}

// The instance is cut off at the action's end: what was not even asked by then had no chance to shut down.
test('a pod that only its priority or its wish holds is evicted in time to have its whole grace period before the end', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  cluster.add(pod('stuck'), endless);
  cluster.add(pod('dns', { critical: true }), { shutdownMs: 1_000 });
  cluster.add(pod('job', { doNotDisrupt: { source: 'node-drainer/wait' } }), { shutdownMs: 1_000 });
  const { startedAt } = await start();
  await clock.advance(3_486_999);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['stuck'],
  );
  await clock.advance(1);
  assert.deepEqual(
    cluster.evictions.slice(1).map(({ name, at }) => [name, at - startedAt]),
    [
      ['dns', 3_487_000],
      ['job', 3_487_000],
    ],
  );
  await clock.advance(100_000);
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt + startedAt), [3_487_000]);
  assert.deepEqual(
    recorder.of('last resort')[0]?.remaining.map(({ pod }) => pod),
    ['shop/stuck', 'shop/dns', 'shop/job'],
  );
});

// A budget is somebody's promise to their users: LAST_RESORT=evict keeps it, at the price of the pods' SIGTERM.
test('with LAST_RESORT=evict a pod whose end has come is asked again, and not deleted against its budget', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  await start({ lastResort: 'evict' });
  await clock.advance(3_590_000);
  assert.equal(cluster.onNode().length, 2);
  assert.deepEqual(cluster.deletions, []);
  assert.ok(recorder.of('eviction requested').every(({ action }) => action === 'evict'));
  assert.ok(cluster.evictions.every(({ reply }) => reply === 'blocked'));
});

test('a drain that is over in time never comes to the last resort', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  cluster.add(pod('web'), { shutdownMs: 60_000 });
  const { done } = await start();
  assert.equal(await clock.until(done, 120_000), 'drained');
  await clock.advance(3_600_000);
  assert.deepEqual(recorder.of('last resort'), []);
});

// "3 pods remain" is nothing that the owner of a pod can search the log of a thousand drains for.
test('each pod that is still there is told of by itself when the last resort begins, with what kept it', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  for (const one of podsOf('web', 2)) cluster.add(one, endless);
  cluster.budgets.add('web', 2);
  cluster.add(pod('held', { finalizers: ['example.com/hold'] }), endless);
  cluster.add(pod('job', { doNotDisrupt: { source: 'node-drainer/wait' } }), endless);
  cluster.add(pod('dns', { critical: true }), endless);
  cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  const { startedAt } = await start();
  const endsAt = clock.now() + 3_600_000;
  await clock.advance(3_486_999);
  assert.deepEqual(recorder.of('pod at risk'), []);
  await clock.advance(60_000);
  const told = recorder.of('pod at risk');
  assert.deepEqual(Object.fromEntries(told.map(({ pod, reason }) => [pod.replace('shop/', ''), reason])), {
    'web-0': 'budget web allows no disruption (2 of 2 healthy, 2 needed)',
    'web-1': 'budget web allows no disruption (2 of 2 healthy, 2 needed)',
    held: 'terminating for 3487 s of 30 s grace, held by finalizer example.com/hold',
    job: `not disrupted until ${new Date(endsAt).toISOString()}, because of node-drainer/wait`,
    dns: 'waits for 4 pods of lower priority',
  });
  assert.equal(told.length, 5, 'once each, however long it lasts');
  assert.deepEqual(new Set(recorder.timesOf('pod at risk', clock.startedAt + startedAt)), new Set([3_487_000]));
  assert.equal(recorder.of('last resort')[0]?.endsAt, endsAt);
});

// A task that takes over in the last minute begins with an API that has told nothing yet: nobody would be named.
test('a drain that begins within the last resort names the pods as soon as it knows them, and latePods too', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('stuck'), endless);
  const outage = cluster.outage();
  const at = clock.now() + 61_000;
  const { startedAt } = await start({ action: { endsAt: at, warnAt: at }, marginMs: 90_000 });
  await clock.advance(5_000);
  assert.deepEqual([recorder.of('last resort'), recorder.of('pod at risk')], [[], []]);
  outage.end();
  await clock.settle();
  assert.deepEqual(
    recorder.of('last resort').map(({ remaining }) => remaining.length),
    [1],
  );
  cluster.add(pod('late'), endless);
  await clock.advance(5_000);
  assert.deepEqual(
    recorder.of('pod at risk').map(({ pod }) => pod),
    ['shop/stuck', 'shop/late'],
  );
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt + startedAt), [5_000]);
});

// One instant for all is too late for a database that needs ten minutes, and too early for a web server that needs two seconds.
// https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/node/termination/terminator/terminator.go
test('each pod has its own whole grace period, and the margin, before the certain end', async () => {
  const { clock, cluster, start } = draining();
  const graces = [0, 1, 30, 600];
  for (const graceSeconds of graces) {
    cluster.add(pod(`grace-${graceSeconds}`, { graceSeconds, labels: { app: 'db' } }), {
      shutdownMs: graceSeconds * 1_000,
    });
  }
  cluster.budgets.add('db', graces.length);
  const endsAt = clock.now() + 1_000 + 3_600_000;
  const { done, startedAt } = await start({ action: { endsAt, warnAt: endsAt }, marginMs: 30_000 });
  assert.equal(await clock.until(done, 3_600_000), 'drained');
  const deletedBefore = cluster.deletions.map(({ name, uid, at }) => [
    name,
    uid,
    (3_600_000 - (at - startedAt)) / 1_000,
  ]);
  assert.deepEqual(deletedBefore, [
    ['grace-600', 'shop/grace-600#1', 630],
    ['grace-30', 'shop/grace-30#1', 60],
    ['grace-1', 'shop/grace-1#1', 31],
    ['grace-0', 'shop/grace-0#1', 31],
  ]);
  assert.ok(clock.elapsed - startedAt <= 3_600_000 - 30_000 + 1_000);
});

// An eviction is asked for first: it is counted, seen by webhooks, and marks the pod with DisruptionTarget; a deletion is not.
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
test('a pod whose end has come is evicted, and deleted only when that is refused', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  cluster.add(pod('dns', { critical: true }), { shutdownMs: 1_000 });
  cluster.add(pod('vm', { critical: true }), { shutdownMs: 1_000 });
  cluster.add(pod('db', { critical: true, labels: { app: 'db' } }), { shutdownMs: 1_000 });
  cluster.add(pod('both', { critical: true, labels: { app: 'both' } }), { shutdownMs: 1_000 });
  cluster.add(pod('stuck'), endless);
  cluster.budgets.add('db', 1);
  cluster.budgets.add('both', 0);
  cluster.budgets.add('all', 0, { selector: [{ key: 'app', operator: 'In', values: ['both'] }] });
  cluster.webhook = ({ name }, how) =>
    name === 'vm' && how === 'evict' ? 'admission webhook "virt" denied it' : undefined;
  const { startedAt } = await start();
  await clock.advance(3_480_000);
  assert.deepEqual(cluster.deletions, []);
  await clock.advance(7_100);
  assert.deepEqual(
    cluster.evictions
      .slice(1)
      .map(({ name, reply }) => `${name} ${reply}`)
      .sort(),
    ['both refused', 'db blocked', 'dns accepted', 'vm refused'],
  );
  assert.deepEqual(
    cluster.deletions.map(({ name, at }) => [name, at - startedAt]).sort(),
    ['both', 'db', 'vm'].map((name) => [name, 3_487_000]),
  );
  const requests = recorder.of('eviction requested').filter(({ action }) => action === 'delete');
  assert.equal(requests.length, 3);
});

// 10 s after its refusal the certain end may be over: a webhook that denies evictions costs the pod its SIGTERM.
test('a refusal of a moment ago does not hold back a pod whose end comes', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(pod('vm'), { shutdownMs: 1_000 });
  cluster.webhook = (_, how) => (how === 'evict' ? 'admission webhook "virt" denied it' : undefined);
  const endsAt = clock.now() + 1_000 + 35_000;
  const { done, startedAt } = await start({ action: { endsAt, warnAt: endsAt } });
  await clock.until(done, 60_000);
  assert.deepEqual([cluster.evictions.length, cluster.deletions.map(({ at }) => at - startedAt)], [1, [5_000]]);
});

// A webhook that denies the deletion as well must not be asked five hundred times a second until the end.
test('a deletion that is refused is retried like an eviction', async () => {
  const { clock, cluster, start } = await hurrying();
  cluster.add(pod('vm', { critical: true }));
  cluster.add(pod('stuck'), endless);
  cluster.webhook = ({ name }) => (name === 'vm' ? 'admission webhook "virt" denied it' : undefined);
  await start();
  await clock.advance(3_600_000);
  const deletedAt = cluster.deletions.map(({ at }) => (at - 1_000) / 1_000);
  assert.deepEqual(deletedAt, [3_487, 3_507, 3_547]);
});

// An API server that fails for a second refuses nothing: the budget may allow the eviction when it answers again.
test('an eviction that nobody answered is sent again as an eviction, even when the end has come', async () => {
  const { clock, cluster, start } = await hurrying();
  cluster.add(pod('dns', { critical: true }), { shutdownMs: 1_000 });
  cluster.add(pod('stuck'), endless);
  let failures = 2;
  const lost = new Failure('connection reset', { transient: true });
  cluster.fault = (call) => (call === 'evict dns' && failures-- > 0 ? lost : undefined);
  await start();
  await clock.advance(3_500_000);
  const replies = cluster.evictions.filter(({ name }) => name === 'dns').map(({ reply }) => reply);
  assert.deepEqual([replies, cluster.deletions], [[undefined, undefined, 'accepted'], []]);
});

// A pod that needs two hours on an instance that has one loses as little as possible when it is asked at once.
test('a pod whose grace period is longer than the action is asked at the start, and told of', async () => {
  const { clock, cluster, recorder, start } = await hurrying();
  cluster.add(pod('ledger', { critical: true, graceSeconds: 7_200, labels: { app: 'ledger' } }), endless);
  cluster.add(pod('stuck'), endless);
  cluster.budgets.add('ledger', 1);
  const { startedAt } = await start();
  await clock.settle();
  assert.deepEqual(
    cluster.deletions.map(({ name, at }) => [name, at - startedAt]),
    [['ledger', 0]],
  );
  assert.deepEqual(
    recorder.of('pod at risk').map(({ pod }) => pod),
    ['shop/ledger'],
  );
});

// New nodes that never come would hold every pod back until the instance is cut off under them.
test('the wait for capacity holds back no pod whose end has come', async () => {
  const { clock, cluster, start } = await hurrying();
  cluster.add(pod('web'), endless);
  cluster.add(pod('db', { graceSeconds: 600 }), endless);
  const never = Promise.withResolvers<void>();
  const { startedAt } = await start({ gates: [opensAfter({ kind: 'capacity' }, () => never.promise)] });
  await clock.advance(3_600_000 - 1);
  assert.deepEqual(
    cluster.evictions.map(({ name, at }) => [name, at - startedAt]),
    [
      ['db', 3_600_000 - 683_000],
      ['web', 3_600_000 - 113_000],
    ],
  );
});

// Ready pods that a budget holds still need their traffic: https://github.com/kubernetes/kubernetes/issues/65013
test('load balancers are told before the end only when nothing is left but pods that terminate or have to end now', async () => {
  const { clock, cluster, start } = await hurrying();
  cluster.add(pod('slow', { graceSeconds: 600 }), endless);
  cluster.add(pod('web', { labels: { app: 'web' } }), endless);
  cluster.budgets.add('web', 1);
  const told: number[] = [];
  const { startedAt } = await start({
    onLastResort: async () => {
      told.push(clock.elapsed);
    },
  });
  await clock.advance(3_486_999);
  assert.deepEqual(told, []);
  await clock.advance(60_000);
  assert.deepEqual(
    told.map((at) => at - startedAt),
    [3_487_000],
  );
});

// A drain that only waits for a pod to terminate looks again after 30 s: too late to warn, and to tell the load balancers.
test('a pod that terminates is told of at its instant, and holds back the label no longer than that', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(pod('stuck', { graceSeconds: 45 }), endless);
  const endsAt = clock.now() + 1_000 + 100_000;
  const told: number[] = [];
  const onLastResort = async () => {
    told.push(clock.elapsed);
  };
  const { startedAt } = await start({ action: { endsAt, warnAt: endsAt }, onLastResort });
  await clock.advance(90_000);
  assert.deepEqual(recorder.timesOf('pod at risk', clock.startedAt + startedAt), [55_000]);
  assert.deepEqual(
    told.map((at) => at - startedAt),
    [55_000],
  );
});
