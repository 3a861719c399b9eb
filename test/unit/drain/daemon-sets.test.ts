import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { actionsByPod, observed, planned, pod } from '../../support/objects.ts';

const now = 1_000_000;
const ofDaemonSet = (name: string, more: Parameters<typeof pod>[1] = {}) =>
  pod(name, { controller: { kind: 'DaemonSet', name }, ...more });
const ending = { deadline: now, graceSeconds: 30 };

// A log shipper that is ended with the others loses the last words of all of them.
test('pods of DaemonSets stay unless their end is asked for, and then go when nothing else is left', () => {
  const pods = [ofDaemonSet('logs'), ofDaemonSet('ending', { deletion: ending }), pod('web')];
  const stay = 'skip daemonset';
  assert.deepEqual(actionsByPod(planned(observed({ pods }), now)), { logs: stay, ending: stay, web: 'evict' });
  assert.deepEqual(actionsByPod(planned(observed({ pods }), now, { daemonSets: 'evict' })), {
    logs: 'wait priority',
    ending: 'wait terminating',
    web: 'evict',
  });
});

// The taint that keeps the others away does not stop it: it would be evicted, and come back, until the action ends.
test('a pod of a DaemonSet that tolerates every taint is left, whatever is asked for', () => {
  const pods = [ofDaemonSet('proxy', { toleratesEverything: true }), pod('bare', { toleratesEverything: true })];
  const left = { proxy: 'skip tolerant daemonset', bare: 'evict' };
  for (const more of [{}, { force: true }, { certainEnd: { at: now, marginMs: 0 } }]) {
    const result = actionsByPod(planned(observed({ pods }), now, { daemonSets: 'evict', ...more }));
    assert.deepEqual(result, { ...left, ...('force' in more && { bare: 'delete' }) });
  }
});

test('a drain that ends DaemonSets ends them last, and is over when only those that come back are left', async () => {
  const { clock, cluster, recorder, start, goneAt } = draining();
  cluster.add(ofDaemonSet('logs'), { shutdownMs: 2_000 });
  cluster.add(ofDaemonSet('proxy', { toleratesEverything: true }));
  cluster.add(pod('dns', { critical: true }), { shutdownMs: 3_000 });
  cluster.add(pod('web'), { shutdownMs: 4_000 });
  const { done, startedAt } = await start({ daemonSets: 'evict' });
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(goneAt(startedAt), { web: 4_000, dns: 7_000, logs: 9_000 });
  assert.deepEqual(
    recorder.of('pod skipped').map(({ pod, reason }) => `${pod} ${reason}`),
    ['shop/proxy belongs to DaemonSet proxy and tolerates every taint: it would return'],
  );
});

// The CSI node plugin unmounts the volumes of the others: evicted with them, it leaves every volume attached.
// https://kubernetes-csi.github.io/docs/deploying.html#node-plugin
test('while others are drained, pods of DaemonSets that end last stay until their own end has come', () => {
  const pods = [ofDaemonSet('csi', { graceSeconds: 10 }), ofDaemonSet('logs', { graceSeconds: 60 }), pod('web')];
  const conditions = { daemonSets: 'last', certainEnd: { at: now + 100_000, marginMs: 30_000 } } as const;
  const at = (time: number) => planned(observed({ pods }), time, conditions);
  const last = 'skip daemonset last';
  assert.deepEqual(actionsByPod(at(now + 9_999)), { csi: last, logs: last, web: 'evict' });
  assert.equal(at(now + 9_999).wakeAt, now + 10_000);
  assert.deepEqual(actionsByPod(at(now + 10_000)), { csi: last, logs: 'evict', web: 'evict' });
  assert.deepEqual(actionsByPod(at(now + 60_000)), { csi: 'evict', logs: 'evict', web: 'evict' });
});

test('a drain whose DaemonSets end last is over without them, and says when the first of them has to be asked', async () => {
  const { clock, cluster, start } = draining();
  cluster.add(ofDaemonSet('csi', { claims: ['own'] }));
  cluster.add(pod('web'));
  const endsAt = clock.now() + 1_000 + 600_000;
  const { result } = await start({ daemonSets: 'last', action: { endsAt, warnAt: endsAt }, marginMs: 30_000 });
  const { kind, daemonSetsDueAt, stayingClaims } = await clock.until(result, 60_000);
  assert.deepEqual([kind, daemonSetsDueAt], ['drained', endsAt - 60_000]);
  assert.deepEqual(stayingClaims, [{ namespace: 'shop', name: 'own' }]);
});
