import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { waitForDetach } from '../../../app/run/volumes.ts';
import { FakeVolumes } from '../../support/fake-volumes.ts';
import { testContext } from '../../support/test-context.ts';

const lost = () => new Failure('connection reset', { transient: true });

/** The volumes of two drained pods, and what waiting for them comes to. */
function settling(detachedAtMs: number) {
  const { clock, recorder, stop, context } = testContext();
  const volumes = new FakeVolumes(clock);
  volumes.attach('shop/db-0', detachedAtMs / 2);
  volumes.attach('shop/db-1', detachedAtMs);
  const claims = ['db-0', 'db-1', 'never-bound'].map((name) => ({ namespace: 'shop', name }));
  return {
    clock,
    recorder,
    stop,
    volumes,
    settle: (timeoutMs = 300_000, of = claims) => waitForDetach(volumes, of, timeoutMs, context),
    told: () => recorder.recorded.map(({ event }) => event.type),
  };
}

// A StatefulSet pod waits six minutes for a volume whose instance is terminated while it is still attached.
test('the drain waits until every volume is detached, and no longer', async () => {
  const { clock, recorder, settle } = settling(20_000);
  await clock.until(settle(), 300_000);
  assert.equal(clock.elapsed, 20_000);
  assert.deepEqual(recorder.of('volumes attached')[0]?.volumes, ['pv-shop-db-0', 'pv-shop-db-1']);
  assert.deepEqual(recorder.of('volumes detached'), [{ type: 'volumes detached', count: 2 }]);
});

// The volume of a DaemonSet's pod is never detached: waiting for it would cost every drain five minutes.
test('the volumes of pods that stay are not waited for', async () => {
  const { clock, volumes, settle, told } = settling(0);
  volumes.attach('kube-system/agent', Number.POSITIVE_INFINITY);
  await clock.until(settle(), 1_000);
  assert.deepEqual([clock.elapsed, told()], [0, []]);
});

test('without volumes, and with a timeout of 0, the API is not asked at all', async () => {
  const { volumes, settle } = settling(Number.POSITIVE_INFINITY);
  await settle(300_000, []);
  await settle(0);
  assert.deepEqual(volumes.asked, []);
});

// A CSI driver that is broken must not keep the instance for two days.
test('what is still attached when the time is over is named, and given up', async () => {
  const { clock, volumes, recorder, settle } = settling(40_000);
  volumes.attach('shop/never-bound', Number.POSITIVE_INFINITY);
  await clock.until(settle(60_000), 300_000);
  assert.equal(clock.elapsed, 60_000);
  assert.deepEqual(recorder.of('volumes still attached'), [
    { type: 'volumes still attached', volumes: ['pv-shop-never-bound'], waitedMs: 60_000 },
  ]);
  assert.deepEqual(recorder.of('volumes detached'), []);
});

// Taking "no answer" for "detached" ends the wait at the first hiccup of the API.
test('an API that fails in between is no sign that a volume is detached', async () => {
  const { clock, volumes, settle, told } = settling(20_000);
  volumes.fault = () => (clock.elapsed < 30_000 && clock.elapsed % 2_000 < 1_000 ? lost() : undefined);
  await clock.until(settle(), 300_000);
  assert.ok(clock.elapsed >= 20_000 && clock.elapsed <= 22_000, `${clock.elapsed} ms`);
  assert.equal(told().at(-1), 'volumes detached');
});

// The node is drained: that nobody knows of its volumes is no reason to leave the hook to its timeout.
test('an API that fails until the time is over delays the drain, and fails it not', async () => {
  for (const error of [lost(), new Failure('the server could not find the requested resource')]) {
    const { clock, volumes, recorder, settle } = settling(20_000);
    volumes.fault = () => error;
    await clock.until(settle(60_000), 300_000);
    assert.ok(clock.elapsed <= 60_000);
    const [warning] = recorder.of('warning');
    assert.match(warning?.message ?? '', /volume attachments/);
    assert.ok(warning?.error instanceof Failure);
  }
});

// Waiting five minutes for what RBAC forbids helps nobody, and hiding it leaves the manifests as they are.
test('being denied ends the wait at once, whichever call it is', async () => {
  for (const call of ['list', 'read'] as const) {
    const { clock, volumes, settle } = settling(20_000);
    const denied = new Denied('volumeattachments is forbidden');
    volumes.fault = (made) => (made === call ? denied : undefined);
    await assert.rejects(clock.until(settle(), 1_000), denied);
  }
});

test('an abort ends the wait with its reason', async () => {
  const { clock, stop, settle } = settling(Number.POSITIVE_INFINITY);
  const settled = settle();
  await clock.advance(5_000);
  const reason = new Error('SIGTERM');
  stop.abort(reason);
  await assert.rejects(settled, reason);
});
