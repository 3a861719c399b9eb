import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScalingActivity, terminationStart } from '../../../app/aws/auto-scaling.ts';

const ID = 'i-0123456789abcdef0';
const began = Date.parse('2026-01-02T03:04:05.678Z');

function activity(more: Partial<ScalingActivity> = {}): ScalingActivity {
  const description = `Terminating EC2 instance: ${ID}`;
  return { description, status: 'MidTerminatingLifecycleAction', startedAt: began, ...more };
}

test('a termination began when its activity under way did, in whatever words AWS says that it is', () => {
  // Otherwise: no warning, no last resort, and pods that are cut off without having been asked.
  for (const more of [
    {},
    { status: 'InProgress' },
    { status: 'WaitingForELBConnectionDraining' },
    { description: `Terminating EC2 instance: ${ID} - Waiting For ELB Connection Draining.` },
    { status: undefined },
  ]) {
    assert.equal(terminationStart([activity(more)], ID), began, JSON.stringify(more));
  }
});

test('what is over, of another instance, or no termination is not taken for it', () => {
  // Otherwise: an attempt of last month is its begin, and the drain is in a hurry from its first second on.
  for (const more of [
    { status: 'Successful' },
    { status: 'Failed' },
    { status: 'Cancelled' },
    { description: 'Terminating EC2 instance: i-01234567' },
    { description: `Terminating EC2 instance: ${ID}0` },
    { description: `Launching a new EC2 instance: ${ID}` },
    { description: `Launching a new EC2 instance: i-01234567. Terminating EC2 instance: ${ID}` },
    { description: undefined },
    { startedAt: undefined },
  ]) {
    assert.equal(terminationStart([activity(more)], ID), undefined, JSON.stringify(more));
  }
  assert.equal(terminationStart([], ID), undefined);
});

test('of several the earliest is taken', () => {
  // Otherwise: asking twice for a termination moves its end in our books, and not in those of AWS.
  const others = [activity({ startedAt: began + 60_000 }), activity(), activity({ startedAt: began + 1 })];
  assert.equal(terminationStart(others, ID), began);
});
