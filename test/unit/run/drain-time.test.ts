import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stopped } from '../../../app/outcome.ts';
import type { DrainTask } from '../../../app/run/drain-task.ts';
import { pod } from '../../support/objects.ts';
import { runFixture } from '../../support/run-fixture.ts';

const MINUTE_MS = 60_000;
const endless = { shutdownMs: Number.POSITIVE_INFINITY };

/** A run with a pod that never ends. */
function held() {
  const all = runFixture();
  all.cluster.add(pod('stuck'), endless);
  return all;
}

/** Stops the run after so long; the task that goes on is in the list that is returned. */
function stopped({ clock, facts, stop }: ReturnType<typeof runFixture>, afterMs: number): readonly DrainTask[] {
  const successors: DrainTask[] = [];
  facts.ports = {
    successors: {
      async start(task) {
        successors.push(task);
        return { kind: 'started', task: 'arn:task/2' };
      },
    },
  };
  clock.sleep(afterMs, new AbortController().signal).then(() => stop.abort(new Stopped('SIGTERM')));
  return successors;
}

// Twenty hand-overs, and the cap of an hour is one of twenty: on Spot a drain would have no cap at all.
test("a successor's deadline is that of the first task", async () => {
  const { clock, recorder, run } = held();
  const drainStartedAt = clock.startedAt - 40 * MINUTE_MS;
  const ended = await run({ drainStartedAt, drainDeadlineMs: 60 * MINUTE_MS }, 60 * MINUTE_MS);
  assert.equal(ended, 'deadline, hook CONTINUE, exit 0');
  assert.deepEqual(recorder.timesOf('deadline', clock.startedAt), [20 * MINUTE_MS]);
});

// The task that takes over a minute after the deadline would complete the hook, and could not say which pods it gave up.
test('a deadline that passed between two tasks ends the second one, which still names what is left', async () => {
  const { clock, recorder, run } = held();
  const ended = await run({ drainStartedAt: clock.startedAt - 61 * MINUTE_MS, drainDeadlineMs: 60 * MINUTE_MS });
  assert.equal(ended, 'deadline, hook CONTINUE, exit 0');
  assert.deepEqual(recorder.timesOf('deadline', clock.startedAt), [1_000]);
  assert.deepEqual(
    recorder.of('deadline')[0]?.remaining.map(({ pod }) => pod),
    ['shop/stuck'],
  );
});

// A pod that asks for ten minutes would be left alone for ten more by each successor, up to the end of the action.
test('what is left of DO_NOT_DISRUPT_SECONDS is what the first task left', async () => {
  const { clock, cluster, run } = runFixture();
  cluster.add(pod('job', { doNotDisrupt: { source: 'karpenter.sh/do-not-disrupt' } }));
  const drainStartedAt = clock.startedAt - 7 * MINUTE_MS;
  assert.equal(await run({ drainStartedAt, doNotDisruptMs: 10 * MINUTE_MS }), 'drained, hook CONTINUE, exit 0');
  assert.equal(cluster.evictions[0]?.at, 3 * MINUTE_MS);
});

test('a drain of the future is a wrong clock: it begins now', async () => {
  const { clock, recorder, run } = held();
  await run({ drainStartedAt: clock.startedAt + 40 * MINUTE_MS, drainDeadlineMs: MINUTE_MS });
  assert.deepEqual(recorder.timesOf('deadline', clock.startedAt), [MINUTE_MS]);
});

// A successor that is told nothing begins the deadline anew, and so does the one that is told of the task before it only.
test('each successor is told when the first task began', async () => {
  const first = held();
  const second = stopped(first, 5 * MINUTE_MS);
  await first.run();
  assert.deepEqual(
    second.map(({ drainStartedAt }) => drainStartedAt),
    [first.clock.startedAt],
  );
  const later = held();
  const third = stopped(later, 5 * MINUTE_MS);
  const drainStartedAt = later.clock.startedAt - 60 * MINUTE_MS;
  await later.run({ drainStartedAt });
  assert.deepEqual(
    third.map((task) => task.drainStartedAt),
    [drainStartedAt],
  );
});

// The wait for capacity may be as long as the deadline: nothing would be asked before the hook is completed.
// Capacity is a hold like a rank: the pods are asked in time for the deadline, and it begins when the node is cordoned.
test('the wait for capacity does not put off the deadline, and holds back no pod that has to end before it', async () => {
  const patient = held();
  patient.facts.capacity = async () => ({ desired: 1, inService: ['i-2'] });
  await patient.run({ capacityTimeoutMs: 600_000, drainDeadlineMs: 100_000 });
  assert.deepEqual(patient.recorder.timesOf('deadline', patient.clock.startedAt), [100_000]);
  assert.deepEqual(
    patient.cluster.evictions.map(({ at }) => at),
    [40_000],
  );
});

// A successor that is told of no start grants the pods the whole deadline again.
test('a drain that waits for capacity is handed over as begun', async () => {
  for (const minutesAgo of [0, 1]) {
    const waiting = held();
    const drainStartedAt = waiting.clock.startedAt - minutesAgo * MINUTE_MS;
    waiting.facts.capacity = async () => ({ desired: 1, inService: ['i-2'] });
    const successors = stopped(waiting, MINUTE_MS);
    await waiting.run({ capacityTimeoutMs: 600_000, ...(minutesAgo > 0 && { drainStartedAt }) });
    assert.deepEqual(
      successors.map((task) => task.drainStartedAt),
      [drainStartedAt],
    );
  }
});

// Without the word of Auto Scaling each successor would believe in an action that has only just begun.
test('where nobody tells when the action began, it is at least as old as the drain', async () => {
  const { clock, hook, recorder, run } = held();
  const day = 24 * 60 * MINUTE_MS;
  clock.sleep(day, new AbortController().signal).then(() => hook.end());
  await run({ drainStartedAt: clock.startedAt - day }, 2 * day);
  assert.deepEqual(recorder.timesOf('last resort', clock.startedAt), [day - MINUTE_MS]);
});
