import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { pod } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };
const never = new AbortController().signal;
const AT_END = { loadBalancerExclusion: 'end', loadBalancerMs: 30_000 } as const;
const csi = pod('csi', { controller: { kind: 'DaemonSet', name: 'csi' }, claims: ['csi'] });

/** A run whose lifecycle action ends after so long; absent: after two days. */
function letting(actionMs?: number) {
  const made = runFixture();
  const { clock, hook, recorder } = made;
  if (actionMs !== undefined) Object.assign(hook, { globalTimeoutSeconds: actionMs / 1_000 });
  const at = (type: Parameters<typeof recorder.timesOf>[0]) => recorder.timesOf(type, clock.startedAt);
  return { ...made, at, after: (ms: number) => clock.sleep(ms, never) };
}

// While a budget holds ready pods on the node, `externalTrafficPolicy: Local` sends their traffic only through it.
// https://github.com/kubernetes/kubernetes/issues/65013
test('the node is taken out of its load balancers when the last pod has left, and stays for LOAD_BALANCER_SECONDS', async () => {
  const { at, clock, calls, cluster, run } = letting();
  cluster.add(pod('web'), { shutdownMs: 40_000 });
  cluster.add(csi);
  assert.equal(await run(AT_END), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual([at('cordoned'), at('excluded from load balancers')], [[0], [40_000]]);
  assert.deepEqual(calls, ['cordon node-a', 'exclude node-a', 'close']);
  assert.equal(clock.elapsed, 70_000);
});

// One after the other they would add up: a volume that takes a minute to detach is time for the load balancers, too.
test('load balancers and volumes are waited for side by side', async () => {
  for (const [detachedAt, endsAt] of [
    [50_000, 70_000],
    [100_000, 100_000],
  ] as const) {
    const { clock, cluster, volumes, run } = letting();
    cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 40_000 });
    volumes.attach('shop/data', detachedAt);
    assert.equal(await run(AT_END), 'drained, hook CONTINUE, exit 0');
    assert.equal(clock.elapsed, endsAt);
  }
});

// A hook that is completed a moment after its action has ended gets the default result, ABANDON, although the node is empty.
test('the waits for load balancers and volumes end two seconds before the certain end', async () => {
  for (const more of [{ drainDeadlineMs: 200_000 }, {}]) {
    const { at, clock, cluster, volumes, run } = letting('drainDeadlineMs' in more ? undefined : 200_000);
    cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 40_000 });
    volumes.attach('shop/data', Number.POSITIVE_INFINITY);
    assert.equal(await run({ ...AT_END, loadBalancerMs: 900_000, ...more }), 'drained, hook CONTINUE, exit 0');
    assert.deepEqual([clock.elapsed, at('excluded from load balancers')], [198_000, [40_000]]);
  }
});

// In the last resort the pods that are left end anyway, and load balancers need the time that remains.
test('when nothing is left but pods whose end has come, the label goes on at once', async () => {
  const { at, clock, cluster, hook, run } = letting(600_000);
  cluster.add(pod('stuck', { labels: { app: 'stuck' } }), endless);
  cluster.budgets.add('stuck', 1);
  clock.sleep(599_000, never).then(() => hook.end());
  await run({ ...AT_END, drainDeadlineMs: 590_000 });
  assert.deepEqual(at('excluded from load balancers'), [590_000 - 60_000]);
});

test('with LOAD_BALANCER_EXCLUSION=off the node is not touched, and not waited for', async () => {
  const { clock, calls, cluster, run } = letting();
  cluster.add(pod('web'), { shutdownMs: 40_000 });
  assert.equal(await run({ ...AT_END, loadBalancerExclusion: 'off' }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual([calls, clock.elapsed], [['cordon node-a', 'close'], 40_000]);
});

test('with LOAD_BALANCER_EXCLUSION=start the label goes on with the cordon, and the wait counts from there', async () => {
  for (const [shutdownMs, endsAt] of [
    [40_000, 40_000],
    [10_000, 30_000],
  ] as const) {
    const { at, clock, calls, cluster, recorder, run } = letting();
    cluster.add(pod('web'), { shutdownMs });
    assert.equal(await run({ ...AT_END, loadBalancerExclusion: 'start' }), 'drained, hook CONTINUE, exit 0');
    assert.deepEqual([calls, clock.elapsed], [['cordon node-a and exclude it', 'close'], endsAt]);
    assert.equal(recorder.of('cordoned')[0]?.excludedFromLoadBalancers, true);
    assert.deepEqual(at('excluded from load balancers'), []);
  }
});

// The label is the last request of a long drain: one that fails in passing must not cost the load balancers their time.
test('a label that cannot be put on the node is tried again, and the wait counts from when it is on', async () => {
  const { clock, cluster, facts, run } = letting();
  cluster.add(pod('web'), { shutdownMs: 40_000 });
  const lost = new Failure('connection reset', { transient: true });
  facts.exclude = () => (clock.elapsed < 60_000 ? Promise.reject(lost) : Promise.resolve('excluded' as const));
  assert.equal(await run(AT_END), 'drained, hook CONTINUE, exit 0');
  assert.ok(clock.elapsed >= 90_000 && clock.elapsed < 100_000, `${clock.elapsed} ms`);
});

// A webhook that refuses the label must not turn a drained node into a failed drain, nor keep its instance until the hook times out.
test('a label that is refused is reported, and the drain goes on to its end', async () => {
  const { clock, cluster, facts, recorder, run } = letting();
  cluster.add(pod('web'), { shutdownMs: 40_000 });
  facts.exclude = () => Promise.reject(new Failure('admission webhook "nodes.example.com" denied the request'));
  assert.equal(await run(AT_END), 'drained, hook CONTINUE, exit 0');
  assert.match(recorder.of('warning')[0]?.message ?? '', /not excluded from load balancers/);
  assert.ok(clock.elapsed < 80_000, `${clock.elapsed} ms`);
});

// A pod that waits for its volume's first consumer is bound seconds after the cordon, and cut off when the hook is completed.
test('a pod that lands while load balancers or volumes are waited for is drained before the hook is completed', async () => {
  for (const loadBalancerExclusion of ['end', 'off'] as const) {
    const { after, clock, cluster, hook, volumes, run } = letting();
    cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 40_000 });
    volumes.attach('shop/data', 65_000);
    after(50_000).then(() => cluster.add(pod('late'), { shutdownMs: 20_000 }));
    const left: number[] = [];
    hook.fault = (call) => {
      if (call === 'complete') left.push(cluster.onNode().length);
      return undefined;
    };
    assert.equal(await run({ ...AT_END, loadBalancerExclusion }), 'drained, hook CONTINUE, exit 0');
    assert.deepEqual(left, [0]);
    assert.deepEqual(
      cluster.evictions.map(({ name, at }) => [name, at]),
      [
        ['db', 0],
        ['late', 50_000],
      ],
    );
    assert.equal(clock.elapsed, 70_000);
  }
});

// The watch cache of an API server may be seconds behind; the hook would be completed under a pod that it does not show yet.
test('after the waits a consistent read looks for pods that no watch has shown', async () => {
  for (const drainDaemonSets of [false, true]) {
    const { after, cluster, run } = letting();
    cluster.add(pod('web'), { shutdownMs: 40_000 });
    cluster.hidden.add('unseen');
    after(50_000).then(() => cluster.add(pod('unseen'), { shutdownMs: 5_000 }));
    assert.equal(await run({ ...AT_END, drainDaemonSets }), 'drained, hook CONTINUE, exit 0');
    assert.deepEqual(cluster.onNode(), []);
    assert.equal(cluster.evictions.find(({ name }) => name === 'unseen')?.at, 71_000);
  }
});

// A wait that lasts until the instance ends would find the pod when it is too late for its SIGTERM.
test('a pod that lands during a wait until the certain end has its whole grace period', async () => {
  const { after, clock, cluster, volumes, run } = letting(600_000);
  cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 40_000 });
  volumes.attach('shop/data', Number.POSITIVE_INFINITY);
  after(500_000).then(() => cluster.add(pod('late'), { shutdownMs: 29_000 }));
  assert.equal(await run({ ...AT_END, volumeDetachTimeoutMs: 900_000 }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual([cluster.evictions.at(-1)?.at, cluster.onNode(), clock.elapsed], [500_000, [], 598_000]);
});

// Without a wait there was nothing to miss: one consistent read at the end of the drain is enough.
test('a run that waits for nothing after its drain does not look twice', async () => {
  const { cluster, run } = letting();
  cluster.add(pod('web'));
  await run({ loadBalancerExclusion: 'off' });
  assert.equal(cluster.consistentReads, 1);
});

// A successor, a sweep's task and a duplicate find an empty node: the volumes are still attached.
test('a run that finds no pod waits for the volumes of those that went before it', async () => {
  const { clock, recorder, volumes, run } = letting();
  volumes.attach('shop/data', 80_000);
  assert.equal(await run({ loadBalancerExclusion: 'off' }), 'drained, hook CONTINUE, exit 0');
  assert.equal(clock.elapsed, 80_000);
  assert.deepEqual(recorder.of('volumes attached')[0]?.volumes, ['pv-shop-data']);
});

test('the volumes of pods that stay are not waited for', async () => {
  const { clock, cluster, volumes, run } = letting();
  cluster.add(csi);
  cluster.add(pod('pinned', { staysBy: 'node-drainer/skip=true', claims: ['pinned'] }));
  cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 10_000 });
  volumes.attach('shop/csi', Number.POSITIVE_INFINITY);
  volumes.attach('shop/pinned', Number.POSITIVE_INFINITY);
  volumes.attach('shop/data', 20_000);
  assert.equal(await run({ loadBalancerExclusion: 'off' }), 'drained, hook CONTINUE, exit 0');
  assert.equal(clock.elapsed, 20_000);
});

// The CSI node plugin is a DaemonSet: evicted before the volumes are unmounted, it leaves each of them attached.
// https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/faq.md#6-minute-delays-in-attaching-volumes
test('with DRAIN_DAEMONSETS their pods go after the volumes', async () => {
  const { clock, cluster, recorder, volumes, run } = letting();
  cluster.add(csi, { shutdownMs: 5_000 });
  cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 10_000 });
  volumes.attach('shop/data', 60_000);
  assert.equal(await run({ drainDaemonSets: true, loadBalancerExclusion: 'off' }), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(
    cluster.evictions.map(({ name, at }) => [name, at]),
    [
      ['db', 0],
      ['csi', 60_000],
    ],
  );
  assert.deepEqual([cluster.onNode(), clock.elapsed], [[], 65_000]);
  assert.deepEqual(recorder.of('summary')[0]?.summary.pods, { evicted: 2, skipped: 0, remaining: 0 });
});

// A volume that is never detached would keep the DaemonSets until the instance is cut off under them, without a SIGTERM.
test('pods of DaemonSets are asked in time to have their grace period, whatever volumes and load balancers need', async () => {
  const { clock, cluster, volumes, run } = letting(600_000);
  cluster.add({ ...csi, graceSeconds: 90 }, { shutdownMs: 80_000 });
  cluster.add(pod('db', { claims: ['data'] }), { shutdownMs: 10_000 });
  volumes.attach('shop/data', Number.POSITIVE_INFINITY);
  const more = { drainDaemonSets: true, ...AT_END, loadBalancerMs: 900_000, volumeDetachTimeoutMs: 900_000 };
  assert.equal(await run(more, 600_000), 'drained, hook CONTINUE, exit 0');
  assert.deepEqual(
    cluster.evictions.map(({ name, at }) => [name, at]),
    [
      ['db', 0],
      ['csi', 600_000 - 90_000 - 30_000],
    ],
  );
  assert.equal(clock.elapsed, 598_000, 'load balancers have the time that is left');
});
