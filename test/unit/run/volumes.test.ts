import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, Failure } from '../../../app/lib/errors.ts';
import { waitForDetach } from '../../../app/run/volumes.ts';
import { FakeVolumes } from '../../support/fake-volumes.ts';
import { testContext } from '../../support/test-context.ts';

const lost = () => new Failure('connection reset', { transient: true });

type Left = { readonly staying?: readonly string[]; readonly volumesInUse?: readonly string[] };

/** The volumes of two drained pods, and what waiting for them comes to. */
function settling(detachedAtMs: number) {
  const { clock, recorder, stop, context } = testContext();
  const volumes = new FakeVolumes(clock);
  volumes.attach('shop/db-0', detachedAtMs / 2);
  volumes.attach('shop/db-1', detachedAtMs);
  return {
    clock,
    recorder,
    stop,
    volumes,
    settle: (timeoutMs = 300_000, { staying = [], volumesInUse = [] }: Left = {}) => {
      const stayingClaims = staying.map((name) => ({ namespace: 'kube-system', name }));
      return waitForDetach(volumes, { stayingClaims, volumesInUse }, timeoutMs, context);
    },
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

// Half of what a node costs after its last pod may be a volume that nothing detaches: the log says it when the time is over.
test('volumes that are still attached after half a minute hold the node, and that is said once', async () => {
  const { clock, recorder, settle } = settling(90_000);
  await clock.until(settle(), 300_000);
  assert.deepEqual(recorder.timesOf('pods held', clock.startedAt), [30_000]);
  const [held] = recorder.of('pods held');
  assert.deepEqual([held?.hold.cause, held?.hold.pods, held?.hold.needsChange], ['volume', [], false]);
  assert.equal(held?.hold.text, '2 volumes are still attached (pv-shop-db-0, …) for 30 s');
  assert.deepEqual(
    recorder.of('hold ended').map(({ heldMs, reported }) => [heldMs, reported]),
    [[90_000, false]],
  );
});

// The volume of a DaemonSet's pod is never detached: waiting for it would cost every drain five minutes.
test('the volumes of pods that stay are not waited for', async () => {
  const { clock, volumes, settle, told } = settling(0);
  volumes.attach('kube-system/agent', Number.POSITIVE_INFINITY);
  await clock.until(settle(300_000, { staying: ['agent'] }), 1_000);
  assert.deepEqual([clock.elapsed, told()], [0, []]);
});

// VOLUME_DETACH_TIMEOUT_SECONDS=0 is for clusters without the right to read attachments.
test('with a timeout of 0 the API is not asked at all', async () => {
  const { volumes, settle } = settling(Number.POSITIVE_INFINITY);
  assert.equal(await settle(0), false);
  assert.deepEqual(volumes.asked, []);
});

// A successor, a sweep's task and a duplicate have evicted nothing: from memory they would wait for nothing.
// https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/node/termination/controller.go (filterVolumeAttachments)
test('what the API says is attached is waited for, whoever evicted its pod', async () => {
  const { clock, settle } = settling(20_000);
  assert.equal(await clock.until(settle(), 300_000), true);
  assert.equal(clock.elapsed, 20_000);
  const none = settling(0);
  assert.equal(await none.settle(), false);
});

// In-tree volumes have no VolumeAttachment: only status.volumesInUse of the node names them.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/#NodeStatus
test('an in-tree volume that the node still uses is waited for, too', async () => {
  const { clock, volumes, recorder, settle } = settling(0);
  volumes.attachInTree('kubernetes.io/aws-ebs/vol-1', 30_000);
  await clock.until(settle(300_000, { volumesInUse: ['kubernetes.io/aws-ebs/vol-1'] }), 300_000);
  assert.equal(clock.elapsed, 30_000);
  assert.deepEqual(recorder.of('volumes attached')[0]?.volumes, ['kubernetes.io/aws-ebs/vol-1']);
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
