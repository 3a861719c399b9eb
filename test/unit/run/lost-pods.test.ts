import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { pod } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };

/** A run with a pod that never ends, one that ends, and one that nobody drains. */
function stuck() {
  const made = runFixture();
  made.cluster.add(pod('stuck'), endless);
  made.cluster.add(pod('quick'));
  made.cluster.add(pod('agent', { controller: { kind: 'DaemonSet', name: 'agent' } }));
  const lost = () => made.recorder.of('summary')[0]?.summary.lost;
  return { ...made, lost, after: (ms: number) => made.clock.sleep(ms, new AbortController().signal) };
}

// When the instance is gone, so is its node: the summary is the only place that can still name its pods.
test('pods that are left when the action ends in mid-drain are lost, and named', async () => {
  const { after, hook, lost, run } = stuck();
  after(150_000).then(() => hook.end());
  assert.equal(await run(), 'action ended, hook untouched, exit 3');
  assert.deepEqual(lost(), ['shop/stuck']);
});

test('pods that are left when the run itself completes the hook are lost', async () => {
  const past = stuck();
  assert.equal(await past.run({ drainDeadlineMs: 60_000 }), 'deadline, hook CONTINUE, exit 0');
  assert.deepEqual(past.lost(), ['shop/stuck']);
  const replaced = stuck();
  replaced.after(60_000).then(() => replaced.loseNode('terminated'));
  assert.equal(await replaced.run(), 'no node, hook CONTINUE, exit 0');
  assert.deepEqual(replaced.lost(), ['shop/stuck']);
});

// Heartbeats and completion need AWS; the action's end needs nobody.
test('pods that are left when the end of the action has come are lost, whoever noticed', async () => {
  const { after, cluster, hook, lost, run, stop } = stuck();
  hook.fault = () => Promise.reject(new Failure('no route to host', { transient: true }));
  cluster.add(pod('web'));
  after(172_800_000).then(() => stop.abort(new Stopped('SIGTERM')));
  assert.equal(await run({}, 200_000_000), 'stopped, hook untouched, exit 143');
  assert.deepEqual(lost(), ['shop/stuck']);
});

// Somebody else may still drain them: the instance waits for its hook.
test('pods that are left when the hook is left alone before its end are not lost, nor are those of a node that stays', async () => {
  const stopped = stuck();
  stopped.after(60_000).then(() => stopped.stop.abort(new Stopped('SIGTERM')));
  assert.equal(await stopped.run(), 'stopped, hook untouched, exit 143');
  assert.deepEqual(stopped.lost(), []);
  const byHand = stuck();
  await byHand.run({ target: { kind: 'node', name: 'node-a' }, drainDeadlineMs: 60_000 });
  assert.deepEqual(byHand.lost(), []);
});

test('the summary tells which cluster and group it is about, and what the action was called there', async () => {
  const known = runFixture();
  await known.run();
  const [found] = known.recorder.of('action found');
  assert.deepEqual([found?.cluster, found?.group], ['prod', 'nodes']);
  const { cluster, group, targetKind, lost } = known.recorder.of('summary')[0]?.summary ?? {};
  assert.deepEqual(
    { cluster, group, targetKind, lost },
    { cluster: 'prod', group: 'nodes', targetKind: 'instance', lost: [] },
  );
});

// A drainer that fails to ask AWS is one failed drain of that group, and the event has named the group.
test('a run that fails before it finds the action is filed under the group of its event', async () => {
  const { facts, recorder, run } = runFixture();
  facts.connect = () => new Failure('no route to host');
  facts.action = { kind: 'none', reason: '' };
  const action = { group: 'from-the-event' };
  const target = { kind: 'instance', instanceId: 'i-0123456789abcdef0', region: 'eu-central-1', action } as const;
  const source = { kind: 'kubeconfig-object', bucket: 'configs', object: 'kube/prod', region: 'eu-central-1' } as const;
  await run({ target, cluster: source, force: true });
  const { cluster, group } = recorder.of('summary')[0]?.summary ?? {};
  assert.deepEqual({ cluster, group }, { cluster: 's3://configs/kube/prod', group: 'from-the-event' });
});

// A pod that no cordon keeps away is left to itself, and cut off with the instance.
test('a pod that is left because it keeps returning is lost, and named', async () => {
  const { cluster, recorder, run } = runFixture();
  const operator = pod('operator', { controller: { kind: 'ReplicaSet', name: 'operator' } });
  cluster.add(operator, { shutdownMs: 5_000, replacedAfterMs: 200, returnsToNode: true });
  assert.equal(await run(), 'drained, hook CONTINUE, exit 0');
  const [summary] = recorder.of('summary');
  assert.deepEqual(
    summary?.summary.lost,
    cluster.onNode().map(({ name }) => `shop/${name}`),
  );
  assert.equal(summary.summary.lost.length, 1);
});
