import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draining } from '../../support/draining.ts';
import { actionsByPod, observed, planned, pod, podsOf } from '../../support/objects.ts';

const now = 1_000_000;
const dns = pod('dns', { namespace: 'kube-system', critical: true });
const agent = pod('agent', { namespace: 'kube-system', controller: { kind: 'DaemonSet', name: 'agent' } });
const criticalAgent = pod('cni', { critical: true, controller: { kind: 'DaemonSet', name: 'cni' } });
const ending = { deadline: now, graceSeconds: 30 };

// An application that flushes its queue on SIGTERM needs DNS and the network until it is gone.
test('critical pods wait for all others, and DaemonSets for the critical ones', () => {
  const all = planned(observed({ pods: [agent, dns, pod('web')] }), now, { daemonSets: 'evict' });
  assert.deepEqual(actionsByPod(all), { web: 'evict', dns: 'wait priority', agent: 'wait priority' });
  const without = planned(observed({ pods: [agent, dns] }), now, { daemonSets: 'evict' });
  assert.deepEqual(actionsByPod(without), { dns: 'evict', agent: 'wait priority' });
  const last = planned(observed({ pods: [agent, criticalAgent] }), now, { daemonSets: 'evict' });
  assert.deepEqual(actionsByPod(last), { agent: 'evict', cni: 'evict' });
});

// "Asked" is not "gone": a pod in its grace period is the one that needs DNS most.
test('a pod that is ending, blocked or asked for time holds those of higher rank', () => {
  const held = (seen: Parameters<typeof observed>[0], doNotDisruptUntil = 0) =>
    actionsByPod(planned(observed({ ...seen, pods: [dns, ...seen.pods] }), now, { doNotDisruptUntil }))['dns'];
  assert.equal(held({ pods: [pod('web', { deletion: ending })] }), 'wait priority');
  assert.equal(held({ pods: [pod('web')], attempts: { web: { state: 'blocked', at: now } } }), 'wait priority');
  assert.equal(held({ pods: [pod('web')], attempts: { web: { state: 'accepted', at: now } } }), 'wait priority');
  assert.equal(
    held({ pods: [pod('web', { doNotDisrupt: { source: 'node-drainer/wait' } })] }, now + 1),
    'wait priority',
  );
  assert.equal(held({ pods: [pod('done', { phase: 'Succeeded' }), pod('proxy', { mirror: true }), agent] }), 'evict');
});

test('how many go before it is said, and that only their going changes it', () => {
  const { decisions, wakeAt } = planned(observed({ pods: [dns, ...podsOf('web', 3)] }), now);
  const verdict = decisions.find((one) => one.pod.name === 'dns');
  assert.ok(verdict?.action === 'wait');
  assert.deepEqual(verdict.reason, { kind: 'priority', pods: 3 });
  assert.equal(wakeAt, undefined);
});

// Two minutes before the instance is cut off, an orderly queue only makes sure that its end is never asked.
test('no order is kept once the deadline forces, nor for a pod that has to end now to have its whole grace period', () => {
  const pods = [agent, dns, pod('web')];
  const forced = planned(observed({ pods }), now, { force: true, daemonSets: 'evict' });
  assert.deepEqual(actionsByPod(forced), { web: 'delete', dns: 'delete', agent: 'delete' });
  const certainEnd = { at: now + 60_000, marginMs: 30_000 };
  const hurried = planned(observed({ pods }), now, { certainEnd, daemonSets: 'evict' });
  assert.deepEqual(actionsByPod(hurried), { web: 'evict', dns: 'evict', agent: 'evict' });
});

test('in a drain a critical pod is asked the moment the last of the others is gone, and not before', async () => {
  const { clock, cluster, start, goneAt } = draining();
  cluster.add(dns, { shutdownMs: 1_000 });
  cluster.add(pod('quick'), { shutdownMs: 100 });
  cluster.add(pod('slow'), { shutdownMs: 600_000 });
  const { done, startedAt } = await start();
  await clock.advance(599_000);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['quick', 'slow'],
  );
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.deepEqual(goneAt(startedAt), { quick: 100, slow: 600_000, dns: 601_000 });
});

// A pod that lands while the critical ones go is the next to need them: those not yet asked must wait again.
test('a late pod of lower rank goes before the critical ones that are left', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('dns', 2, { critical: true })) cluster.add(one, { shutdownMs: 5_000 });
  cluster.budgets.add('dns', 1);
  const { done } = await start();
  await clock.advance(2_000);
  cluster.add(pod('late'), { shutdownMs: 60_000 });
  cluster.budgets.add('dns', 0);
  await clock.advance(30_000);
  assert.deepEqual(
    cluster.evictions.map(({ name }) => name),
    ['dns-0', 'late'],
  );
  assert.equal(await clock.until(done, 120_000), 'drained');
});
