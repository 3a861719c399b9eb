import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Durations, latestTermination, type TimeSources, timelineOf } from '../../app/timeline.ts';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const MINUTE = 60_000;
/** A hook with a heartbeat timeout of 300 s. */
const GLOBAL_TIMEOUT = 30_000;

const DURATIONS: Durations = { doNotDisruptMs: 0, lastResortMs: 2 * MINUTE };

/** A drain that starts now, in a task that started a minute ago, about whose action nothing else is known. */
function timeline(
  sources: Partial<TimeSources> = {},
  durations: Partial<Durations> = {},
  onDeadline: 'continue' | 'abandon' | 'force' = 'continue',
) {
  return timelineOf(
    {
      now: NOW,
      taskStartedAt: NOW - MINUTE,
      actionStartedAt: undefined,
      drainStartedAt: undefined,
      globalTimeouts: [GLOBAL_TIMEOUT],
      ...sources,
    },
    { ...DURATIONS, ...durations },
    onDeadline,
  );
}

const startOfAction = (sources: Partial<TimeSources>) => timeline(sources).action?.startedAt;

// An action whose start is assumed too late ends before its last resort.
test('the action started when the event or Auto Scaling says, else the predecessor, else with this task', () => {
  const drainStartedAt = NOW - 10 * MINUTE;
  const actionStartedAt = NOW - 20 * MINUTE;
  assert.equal(startOfAction({ actionStartedAt, drainStartedAt }), actionStartedAt);
  assert.equal(startOfAction({ drainStartedAt }), drainStartedAt);
  assert.equal(startOfAction({}), NOW - MINUTE);
});

// A clock that is ahead would move the end of the action behind its real end, and the last resort with it.
test('an action that seems to start after this task started with it, whatever the source', () => {
  const future = NOW + 5 * MINUTE;
  for (const source of ['actionStartedAt', 'drainStartedAt'] as const) {
    assert.equal(startOfAction({ [source]: future }), NOW - MINUTE, source);
  }
});

// A deadline or a wait for pods counted from the future would last longer than configured.
test('a drain that seems to start in the future starts now', () => {
  const durations = { doNotDisruptMs: 5 * MINUTE, drainDeadlineMs: 10 * MINUTE };
  const { drainStartedAt, doNotDisruptUntil, deadlineAt } = timeline({ drainStartedAt: NOW + MINUTE }, durations);
  assert.deepEqual([drainStartedAt, doNotDisruptUntil, deadlineAt], [NOW, NOW + 5 * MINUTE, NOW + 10 * MINUTE]);
});

// The task may have waited for capacity for minutes: that must not use up the deadline.
test('without a predecessor the drain starts now, not with its task or its action', () => {
  const sources = { taskStartedAt: NOW - 8 * MINUTE, actionStartedAt: NOW - 9 * MINUTE };
  const { drainStartedAt, doNotDisruptUntil, deadlineAt } = timeline(sources, {
    doNotDisruptMs: 5 * MINUTE,
    drainDeadlineMs: 10 * MINUTE,
  });
  assert.deepEqual([drainStartedAt, doNotDisruptUntil, deadlineAt], [NOW, NOW + 5 * MINUTE, NOW + 10 * MINUTE]);
});

// Otherwise every hand-over grants the pods the whole time again.
test('with a predecessor, its start counts for the deadline and for pods not to be disrupted', () => {
  const sources = { drainStartedAt: NOW - 4 * MINUTE };
  const { drainStartedAt, doNotDisruptUntil, deadlineAt } = timeline(sources, {
    doNotDisruptMs: 5 * MINUTE,
    drainDeadlineMs: 10 * MINUTE,
  });
  assert.deepEqual([drainStartedAt, doNotDisruptUntil, deadlineAt], [NOW - 4 * MINUTE, NOW + MINUTE, NOW + 6 * MINUTE]);
});

// A successor that ends at once reports no pod, and the summary calls none of them lost.
test('a deadline that passed before this task leaves it one second', () => {
  const durations = { drainDeadlineMs: 10 * MINUTE };
  for (const started of [NOW - 10 * MINUTE, NOW - 60 * MINUTE, NOW - 10 * MINUTE + 999]) {
    assert.equal(timeline({ drainStartedAt: started }, durations).deadlineAt, NOW + 1_000);
  }
  assert.equal(timeline({ drainStartedAt: NOW - 10 * MINUTE + 1_001 }, durations).deadlineAt, NOW + 1_001);
});

// `deadlineAt: undefined` compared with a time is never reached, but shows up in every dump as a deadline.
test('without a deadline there is no instant for it', () => {
  assert.ok(!('deadlineAt' in timeline()));
});

// With the default result ABANDON, the first hook that times out ends the wait at all of them.
test('the action ends with the shortest global timeout of its hooks', () => {
  const actionStartedAt = NOW - 2 * MINUTE;
  const { action } = timeline({ actionStartedAt, globalTimeouts: [172_800, 6_000, 30_000] });
  assert.deepEqual(action, {
    startedAt: actionStartedAt,
    warnAt: actionStartedAt + 5_400_000,
    endsAt: actionStartedAt + 6_000_000,
  });
});

// A node that is drained by hand has no action: a warning about its end, or a last resort, would break its order.
test('without a pending hook there is no action', () => {
  const sources = { actionStartedAt: NOW - MINUTE, globalTimeouts: [] };
  assert.ok(!('action' in timeline(sources)));
});

// A task that starts late in the action must evict at once, not wait for instants that are over.
test('instants of the action may be over when the drain starts', () => {
  const { action } = timeline({ actionStartedAt: NOW - GLOBAL_TIMEOUT * 1_000 + MINUTE });
  assert.ok(action !== undefined);
  assert.ok(action.warnAt < NOW);
  assert.equal(action.endsAt, NOW + MINUTE);
});

// Whatever ends the instance first cuts its pods off; a margin that is counted from the other end comes too late.
test('the certain end is the earlier of the end of the action and the deadline of the drain', () => {
  const durations = { drainDeadlineMs: 10 * MINUTE };
  const certainEnd = (sources: Partial<TimeSources>) => timeline(sources, durations).certainEnd;
  assert.deepEqual(certainEnd({}), { at: NOW + 10 * MINUTE, marginMs: 2 * MINUTE });
  const actionStartedAt = NOW - GLOBAL_TIMEOUT * 1_000 + MINUTE;
  assert.deepEqual(certainEnd({ actionStartedAt }), { at: NOW + MINUTE, marginMs: 2 * MINUTE });
  assert.equal(certainEnd({ globalTimeouts: [] })?.at, NOW + 10 * MINUTE);
});

// With ON_DEADLINE=force the drain goes on after its deadline: deleting pods for its sake breaks budgets without need.
test('the deadline is no certain end when the drain goes on after it', () => {
  const durations = { drainDeadlineMs: 10 * MINUTE };
  for (const policy of ['continue', 'abandon'] as const) {
    assert.equal(timeline({}, durations, policy).certainEnd?.at, NOW + 10 * MINUTE, policy);
  }
  const { action, certainEnd } = timeline({}, durations, 'force');
  assert.equal(certainEnd?.at, action?.endsAt);
  assert.ok(!('certainEnd' in timeline({ globalTimeouts: [] }, durations, 'force')));
});

// A drain by hand, without a deadline, never has to break a budget.
test('without an action and a deadline there is no certain end', () => {
  assert.ok(!('certainEnd' in timeline({ globalTimeouts: [] })));
  assert.equal(latestTermination(undefined, 30), Number.POSITIVE_INFINITY);
});

// A grace period of 0 in an API call means: kill at once. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced
test('a pod is asked its grace period, never less than 1 s, and the margin before the certain end', () => {
  const certainEnd = { at: NOW, marginMs: 30_000 };
  const secondsBefore = (grace: number) => (NOW - latestTermination(certainEnd, grace)) / 1_000;
  assert.deepEqual([0, 1, 30, 3_600].map(secondsBefore), [31, 31, 60, 3_630]);
});

// A Spot instance ends two minutes after its notice, whatever its group says: a pod that is asked to end later gets no grace.
test('the end that EC2 has announced is the certain end, unless the action ends sooner', () => {
  assert.equal(timeline({ globalTimeouts: [], instanceEndsAt: NOW + MINUTE }).certainEnd?.at, NOW + MINUTE);
  assert.equal(timeline({ instanceEndsAt: NOW + MINUTE }).certainEnd?.at, NOW + MINUTE);
  const actionStartedAt = NOW - GLOBAL_TIMEOUT * 1_000 + MINUTE;
  assert.equal(timeline({ actionStartedAt, instanceEndsAt: NOW + 5 * MINUTE }).certainEnd?.at, NOW + MINUTE);
});

// A group that retains its instances ends nothing at the end of the action: pods that were hurried then were hurried for nothing.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
test('the action of a group that retains is no end of the pods, and is ended with ABANDON shortly before its own end', () => {
  const { action, abandonAt, certainEnd } = timeline({ actionStartedAt: NOW - MINUTE, isRetained: true });
  assert.deepEqual([action, certainEnd], [undefined, undefined]);
  const endsAt = NOW - MINUTE + GLOBAL_TIMEOUT * 1_000;
  assert.ok(abandonAt !== undefined && abandonAt <= endsAt - MINUTE && abandonAt >= endsAt - 5 * MINUTE);
  assert.equal(timeline({ actionStartedAt: NOW }).abandonAt, undefined);
});
