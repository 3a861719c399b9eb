import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { harmText, noHarm, onlyHarm } from '../../witness/harm.ts';
import { at, eventually } from '../kubernetes/test-cluster.ts';
import { INSTANCE, NODE, settled, Witnessed } from './witnessed.ts';

const ended = { annotations: { 'lab/shutdown-ms': '0' } };

function back(fixture: Witnessed): Promise<void> {
  return new Promise((resolve) => void fixture.aws.onInstanceReturn(() => resolve()));
}

describe('machines that go off and come back', { concurrency: true }, () => {
  // A drain that ignores `Action: ReplaceRootVolume`, passes every test and kills pods in production.
  test('a container that runs while the root volume is replaced is cut off', async (t) => {
    const fixture = await Witnessed.open(t, { timeScale: 100 });
    await fixture.pod('a');
    fixture.aws.replaceRootVolume(INSTANCE);
    await noHarm(fixture.witness);
    const returned = back(fixture);
    await fixture.complete();
    await returned;
    await onlyHarm(fixture.witness, 'nobody asked it to end', { kind: 'cut off', pod: 'default/a', hadSigterm: false });
  });

  // An instance taken for gone, so that the test's cluster loses the node, and its undoing is never tried.
  test('the instance comes back with its node, which may be written to, and can end later', async (t) => {
    const fixture = await Witnessed.open(t, { timeScale: 100 });
    await fixture.pod('a', ended);
    fixture.aws.replaceRootVolume(INSTANCE);
    await fixture.patchNode(NODE, { spec: { unschedulable: true } });
    await fixture.evict('a');
    await eventually(async () => ((await fixture.cluster.pods('default')).length === 0 ? true : undefined), 'a to end');
    const returned = back(fixture);
    await fixture.complete();
    await returned;
    await fixture.patchNode(NODE, { spec: { unschedulable: null } });
    await noHarm(fixture.witness);
    await fixture.pod('b');
    await fixture.end();
    await onlyHarm(fixture.witness, 'it came after the return', { kind: 'cut off', pod: 'default/b' });
  });

  // A drain that ignores `Destination: WarmPool`.
  test('a container that runs while its instance is stopped for the warm pool is cut off', async (t) => {
    const fixture = await Witnessed.open(t, { timeScale: 100 });
    await fixture.pod('a');
    fixture.aws.returnToWarmPool(INSTANCE);
    await fixture.complete();
    await onlyHarm(fixture.witness, 'nobody asked it to end', { kind: 'cut off', pod: 'default/a', hadSigterm: false });
  });

  // Harm where a retained instance runs on, and a test that cannot tell it from one that ends.
  test('nobody is cut off by ABANDON in a group that retains its instances, until the instance ends', async (t) => {
    const fixture = await Witnessed.open(t, { timeScale: 100 });
    const group = 'retaining';
    fixture.aws.createAutoScalingGroup({ name: group, terminateHookAbandon: 'retain' });
    fixture.aws.putLifecycleHook({ autoScalingGroupName: group, lifecycleHookName: 'drain' });
    fixture.aws.launchInstance({ instanceId: INSTANCE, autoScalingGroupName: group });
    await fixture.pod('a');
    fixture.aws.terminateInstance(INSTANCE);
    await fixture.complete('ABANDON', group);
    await eventually(
      async () => (fixture.aws.lifecycleState(INSTANCE) === 'Terminating:Retained' ? true : undefined),
      'the instance to be retained',
    );
    // It may still be drained, but in peace: the end of the first action was no end.
    await fixture.evict('a', { gracePeriodSeconds: 1 });
    assert.equal(harmText(await fixture.witness.harm()), '1 pod given 1 of 30 s (default/a)');
    assert.equal(fixture.aws.terminateInstance(INSTANCE).length, 1);
    await fixture.complete('CONTINUE', group);
    await onlyHarm(
      fixture.witness,
      'it was asked to hurry, then killed',
      { kind: 'grace shortened', pod: 'default/a' },
      { kind: 'cut off', pod: 'default/a', hadSigterm: true },
    );
  });

  // The drain of a Spot Instance called an attack on a node in service.
  test('an instance that EC2 has warned of may be drained, and its end is certain', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('a');
    await fixture.pod('b');
    fixture.aws.interruptSpot(INSTANCE);
    await fixture.patchNode(NODE, { spec: { unschedulable: true } });
    await fixture.evict('a', { gracePeriodSeconds: 10 });
    await onlyHarm(fixture.witness, 'two minutes are enough for 30 s', { kind: 'grace shortened', pod: 'default/a' });
    await fixture.budget('never', { minAvailable: 1, selector: { matchLabels: { app: 'b' } } });
    await settled();
    await fixture.delete('b');
    await onlyHarm(
      fixture.witness,
      'the end is two minutes away',
      { kind: 'grace shortened', pod: 'default/a' },
      { kind: 'against a budget', pod: 'default/b' },
    );
  });

  // A Spot interruption is an end like any other.
  test('a container that runs as EC2 takes its Spot Instance is cut off', async (t) => {
    const fixture = await Witnessed.open(t, { timeScale: 1_000 });
    await fixture.pod('a');
    const end = new Promise<void>((resolve) => void fixture.aws.onInstanceEnd(() => resolve()));
    fixture.aws.interruptSpot(INSTANCE);
    await end;
    await onlyHarm(fixture.witness, 'nobody drained it', { kind: 'cut off', pod: 'default/a' });
  });

  // Pods of a stopped machine are dead: whoever deletes them then does no harm.
  test('a stopped instance cuts off what runs on it, and may be cleared then', async (t) => {
    const fixture = await Witnessed.open(t);
    await fixture.pod('a');
    await fixture.budget('never', { minAvailable: 1, selector: { matchLabels: { app: 'a' } } });
    await settled();
    fixture.aws.stopInstance(INSTANCE);
    await fixture.delete('a', { gracePeriodSeconds: 0 });
    const [pod] = await fixture.cluster.pods('default');
    assert.equal(at(pod, 'metadata', 'name'), undefined);
    await onlyHarm(fixture.witness, 'the machine was stopped under it', { kind: 'cut off', pod: 'default/a' });
  });
});
