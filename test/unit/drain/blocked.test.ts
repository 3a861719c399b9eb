import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { draining } from '../../support/draining.ts';
import { pod, podsOf } from '../../support/objects.ts';

const replaced = { shutdownMs: 200, replacedAfterMs: 3_000 };

// One application that may lose no pod used to hold up the node's hundred others.
test('a blocked pod does not hold up its neighbours, nor other pods of its namespace', async () => {
  const { clock, cluster, start, goneAt } = draining();
  for (const one of podsOf('db', 2)) cluster.add(one, replaced);
  for (const one of [...podsOf('web', 3), pod('other', { namespace: 'lab' })]) cluster.add(one, { shutdownMs: 200 });
  cluster.budgets.add('db', 2);
  const { startedAt } = await start();
  await clock.advance(1_000);
  const gone = goneAt(startedAt);
  assert.deepEqual(Object.keys(gone).sort(), ['other', 'web-0', 'web-1', 'web-2']);
  for (const at of Object.values(gone)) assert.ok(at <= 250, `gone after ${at} ms`);
});

// Asking every five seconds, as kubectl does, makes ten pods under maxUnavailable 1 take minutes.
test('a blocked pod is tried the moment its budget allows a disruption', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('web', 4)) cluster.add(one, replaced);
  cluster.budgets.add('web', 3);
  const { done, startedAt } = await start();
  assert.equal(await clock.until(done, 60_000), 'drained');
  const accepted = cluster.evictions.filter(({ reply }) => reply === 'accepted').map(({ at }) => at - startedAt);
  assert.equal(accepted.length, 4);
  // Each waits for the one before it to be replaced and counted (3.02 s), and for nothing else.
  for (const [index, at] of accepted.entries()) {
    assert.ok(at >= index * 3_020 && at <= index * 3_020 + 100, `eviction ${index} after ${at} ms`);
  }
});

// Every refused eviction is a write to the budget in etcd; a thousand drainers that try their luck are an attack.
test('evictions that the status says will be refused are not sent', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('web', 10)) cluster.add(one, replaced);
  cluster.budgets.add('web', 9);
  const { done } = await start();
  await clock.until(done, 120_000);
  assert.equal(cluster.evictions.length, 10);
  assert.ok(cluster.evictions.every(({ reply }) => reply === 'accepted'));
});

// A budget that allows three, and ten pods: seven refusals, unless what is on its way is counted.
test('a burst is not sent on the strength of one old status', async () => {
  const { clock, cluster, start } = draining();
  cluster.latencyMs = 500;
  for (const one of podsOf('web', 10)) cluster.add(one, replaced);
  cluster.budgets.add('web', 7);
  await start();
  await clock.advance(1_100);
  assert.equal(cluster.evictions.length, 3);
  assert.ok(cluster.evictions.every(({ reply }) => reply === 'accepted'));
});

// If the API server's watch says nothing, the slow retry is all that is left.
test('when the news of a budget is lost, one pod is tried every ten seconds', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('web', 3)) cluster.add(one, { shutdownMs: 200 });
  cluster.budgets.add('web', 3);
  const { startedAt } = await start();
  await clock.advance(45_000);
  const tries = cluster.evictions.map(({ name, at }) => [name, Math.round((at - startedAt) / 1_000)]);
  assert.deepEqual(tries, [
    ['web-0', 10],
    ['web-1', 20],
    ['web-2', 30],
    ['web-0', 40],
  ]);
});

// A watch for each namespace of each drainer, for hours, is a load that nobody asked for.
test('budgets are watched only where something is blocked, and only as long as it is', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('web', 2)) cluster.add(one, replaced);
  for (const one of podsOf('job', 3, { namespace: 'lab' })) cluster.add(one, { shutdownMs: 60_000 });
  cluster.budgets.add('web', 1);
  cluster.budgets.add('job', 0, { namespace: 'lab' });
  const { done } = await start();
  await clock.advance(1_000);
  assert.deepEqual(cluster.budgets.watches, ['+shop/web']);
  await clock.advance(10_000);
  assert.deepEqual(cluster.budgets.watches, ['+shop/web', '-shop/web']);
  await clock.until(done, 120_000);
  assert.deepEqual(cluster.budgets.watches, ['+shop/web', '-shop/web']);
});

// A namespace may hold a hundred budgets, whose every change would reach each drain that waits for one of them.
test('one budget that blocks is watched by its name, and all of the namespace when several block', async () => {
  const { clock, cluster, start, stop } = draining();
  for (const app of ['web', 'db']) for (const one of podsOf(app, 2)) cluster.add(one, replaced);
  cluster.budgets.add('web', 1);
  cluster.budgets.add('db', 2);
  const { done } = await start();
  await clock.advance(1_000);
  assert.deepEqual(cluster.budgets.watches, ['+shop']);
  await clock.advance(15_000);
  assert.equal(cluster.onNode().filter(({ name }) => name.startsWith('web')).length, 0);
  assert.deepEqual(cluster.budgets.watches, ['+shop'], 'a watch that shows more than enough is kept');
  stop.abort(new Error('stop'));
  await assert.rejects(done);
});

// The first pod of a namespace is sent without reading budgets; its refusal must start the watch.
test('a single pod that is refused is watched from then on', async () => {
  const { clock, cluster, start } = draining();
  for (const one of podsOf('web', 2)) cluster.add(one, replaced, one.name === 'web-0');
  cluster.budgets.add('web', 2);
  const { done, startedAt } = await start();
  await clock.advance(1_000);
  assert.deepEqual(
    cluster.evictions.map(({ reply }) => reply),
    ['blocked'],
  );
  cluster.add(pod('web-2', { labels: { app: 'web' } }), {}, false);
  await clock.until(done, 60_000);
  assert.ok(clock.elapsed - startedAt < 2_000, `${clock.elapsed - startedAt} ms`);
});

// Two budgets over one pod are a mistake that the eviction API refuses; somebody may mend it while we wait.
test('a pod under two budgets is tried after ten seconds, then ever more slowly, and goes when one of them is changed', async () => {
  const { clock, cluster, recorder, start } = draining();
  cluster.add(podsOf('web', 1)[0] ?? pod('none'), { shutdownMs: 200 });
  cluster.budgets.add('web', 0);
  cluster.budgets.add('all', 0, { selector: [] });
  const { done, startedAt } = await start();
  await clock.advance(250_000);
  assert.deepEqual(
    cluster.evictions.map(({ reply, at }) => `${reply} ${(at - startedAt) / 1_000}`),
    ['refused 0', 'refused 10', 'refused 30', 'refused 70', 'refused 130', 'refused 190', 'refused 250'],
  );
  for (const { waitReason, reason } of recorder.of('pod waiting')) {
    assert.deepEqual([waitReason, reason], ['refused', 'more than one budget']);
  }
  cluster.budgets.add('all', 0, { selector: undefined });
  assert.equal(await clock.until(done, 61_000), 'drained');
});

// A role without the right to read budgets, or an API that hangs on them, must not leave the pods to the end of the instance.
test('budgets that cannot be read stop no eviction, and are told of once', async () => {
  const denied = new Denied('poddisruptionbudgets is forbidden');
  const lost = new Failure('no answer within 30 s', { transient: true });
  for (const [error, afterMs] of [
    [denied, 0],
    [lost, 15_000],
  ] as const) {
    const { clock, cluster, recorder, start } = draining();
    for (const one of podsOf('web', 3)) cluster.add(one, replaced);
    for (const one of podsOf('free', 3)) cluster.add(one);
    cluster.budgets.add('web', 3);
    cluster.fault = (call) => (call === 'read budgets' ? error : undefined);
    cluster.observeBudgets = () => Promise.reject(denied);
    const { done, startedAt } = await start();
    await clock.advance(afterMs + 500);
    const replies = cluster.evictions.map(({ name, at, reply }) => `${name.slice(0, -2)} ${at - startedAt} ${reply}`);
    assert.deepEqual(new Set(replies), new Set([`free ${afterMs} accepted`, `web ${afterMs} blocked`]));
    cluster.budgets.add('web', 0);
    cluster.add(pod('another', { labels: { app: 'web' } }), {}, false);
    assert.equal(await clock.until(done, 60_000), 'drained');
    const warnings = recorder.of('warning').map(({ message }) => message);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^could not read the disruption budgets of shop; evicting without them/);
  }
});

// One failed request must not send a thousand evictions that the budgets refuse: it is tried again for 15 s.
test('a read of budgets that fails once is tried again before anything is evicted without them', async () => {
  const { clock, cluster, recorder, start } = draining();
  for (const one of podsOf('web', 5)) cluster.add(one, replaced);
  cluster.budgets.add('web', 4);
  let failures = 2;
  const lost = new Failure('connection reset', { transient: true });
  cluster.fault = (call) => (call === 'read budgets' && failures-- > 0 ? lost : undefined);
  const { done } = await start();
  assert.equal(await clock.until(done, 60_000), 'drained');
  assert.ok(cluster.evictions.every(({ reply }) => reply === 'accepted'));
  assert.deepEqual(recorder.of('warning'), []);
});

// KubeVirt denies the eviction of a virtual machine until it has been migrated, by 403, 429 or 500 with the webhook's name.
// https://kubevirt.io/user-guide/cluster_admin/node_maintenance/
test('a pod that a webhook refuses is retried after 10 s, growing to 60 s, and named, while the others go at full speed', async () => {
  const { clock, cluster, recorder, start, goneAt } = draining();
  cluster.add(pod('vm'), { shutdownMs: 200 });
  for (const one of podsOf('web', 60)) cluster.add(one, { shutdownMs: 200 });
  let isMigrated = false;
  const message = 'admission webhook "virt-api" denied the request: migration in progress';
  cluster.webhook = ({ name }) => (name === 'vm' && !isMigrated ? message : undefined);
  const { done, startedAt } = await start();
  await clock.advance(1_000);
  assert.equal(Object.keys(goneAt(startedAt)).length, 60);
  await clock.advance(199_000);
  isMigrated = true;
  assert.equal(await clock.until(done, 60_000), 'drained');
  const tries = cluster.evictions.filter(({ name }) => name === 'vm').map(({ at }) => (at - startedAt) / 1_000);
  assert.deepEqual(tries, [0, 10, 30, 70, 130, 190, 250]);
  assert.deepEqual(
    recorder.of('pod waiting').map(({ pod, waitReason, reason }) => [pod, waitReason, reason]),
    [['shop/vm', 'refused', message]],
  );
});
