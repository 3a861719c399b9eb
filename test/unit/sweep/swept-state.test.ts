import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sweptStateOf } from '../../../app/sweep/swept-state.ts';

// An instance that waits in a state that no sweep knows is drained by its event alone: when that is lost, by nobody.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
test('every state in which a terminating hook waits is swept, and every retained one is counted', () => {
  for (const state of ['Terminating:Wait', 'ReplacingRootVolume:Wait', 'Warmed:Terminating:Wait']) {
    assert.equal(sweptStateOf(state, false), 'waiting', state);
  }
  for (const state of ['Terminating:Retained', 'Warmed:Terminating:Retained']) {
    assert.equal(sweptStateOf(state, false), 'retained', state);
  }
  assert.equal(sweptStateOf('Warmed:Pending:Retained', true), 'retained in pool');
  const others = ['InService', 'Pending:Wait', 'Terminating', 'Terminating:Proceed', 'Terminated', 'Warmed:Stopped'];
  for (const state of [...others, 'ReplacingRootVolume', 'RootVolumeReplaced', '']) {
    assert.equal(sweptStateOf(state, true), undefined, state);
  }
});

// A new instance waits in the same state for its launching hook, and its fresh node would be cordoned.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
test('Warmed:Pending:Wait is a returning instance only where the warm pool takes instances back', () => {
  assert.equal(sweptStateOf('Warmed:Pending:Wait', true), 'waiting');
  assert.equal(sweptStateOf('Warmed:Pending:Wait', false), undefined);
});
