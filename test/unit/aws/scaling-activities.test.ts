import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScalingActivity, terminationStart } from '../../../app/aws/auto-scaling.ts';

const ID = 'i-0123456789abcdef0';
const STARTED_AT = Date.parse('2026-01-02T03:04:05.678Z');

function activity(more: Partial<ScalingActivity> = {}): ScalingActivity {
  const description = `Terminating EC2 instance: ${ID}`;
  return { description, status: 'MidTerminatingLifecycleAction', startedAt: STARTED_AT, ...more };
}

// The end of the action is unknown, and pods are killed without an eviction.
test('the start of an activity in progress counts, with any status and description', () => {
  for (const more of [
    {},
    { status: 'InProgress' },
    { status: 'WaitingForELBConnectionDraining' },
    { description: `Terminating EC2 instance: ${ID} - Waiting For ELB Connection Draining.` },
    { status: undefined },
  ]) {
    assert.equal(terminationStart([activity(more)], ID), STARTED_AT, JSON.stringify(more));
  }
});

// An activity of last month counts as the start, and the last resort begins at once.
test('finished activities, other instances and launches are ignored', () => {
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

// A second request to terminate the instance seems to postpone the end of the action, which AWS does not do.
test('of several activities the earliest counts', () => {
  const others = [activity({ startedAt: STARTED_AT + 60_000 }), activity(), activity({ startedAt: STARTED_AT + 1 })];
  assert.equal(terminationStart(others, ID), STARTED_AT);
});
