import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { Stopped } from '../../../app/outcome.ts';
import { type DrainTask, environmentOf, type StartResult } from '../../../app/run/drain-task.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, runFixture } from '../../support/run-fixture.ts';

type Start = { task: DrainTask; startedBy: string; clientToken: string };

/** A run that waits for a pod for ever, with a place for a successor, and is told to stop, by default after a minute. */
function stoppedRun(
  answer: (tries: number) => StartResult | Error,
  by: 'SIGTERM' | 'SIGINT' = 'SIGTERM',
  afterMs = 60_000,
) {
  const all = runFixture();
  const starts: Start[] = [];
  all.cluster.add(pod('slow'), { shutdownMs: Number.POSITIVE_INFINITY });
  all.facts.ports = {
    successors: {
      async start(task, startedBy, clientToken) {
        starts.push({ task, startedBy, clientToken });
        const placed = answer(starts.length);
        if (placed instanceof Error) throw placed;
        return placed;
      },
    },
  };
  all.clock.sleep(afterMs, new AbortController().signal).then(() => all.stop.abort(new Stopped(by)));
  return { ...all, starts };
}

const STARTED: StartResult = { kind: 'started', task: 'arn:task/2' };

// Spot takes a task away with two minutes' notice, and nobody replaces it: the node would wait undrained for its hook to time out.
test('a worker that is told to stop starts its successor with its own task, one generation on', async () => {
  const { clock, run, starts, recorder, hook } = stoppedRun(() => STARTED, 'SIGTERM', 301_000);
  const action = { group: 'nodes', hook: 'drainer', token: 'token-1', startedAt: Date.parse('2026-01-01T00:00:00Z') };
  const target = { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action } as const;
  assert.equal(await run({ target, generation: 3 }), 'handed over, hook untouched, exit 0');
  assert.deepEqual(
    starts.map(({ task, startedBy }) => ({ task, startedBy })),
    [
      {
        task: { instanceId: INSTANCE, action, drainStartedAt: clock.startedAt, generation: 4 },
        startedBy: 'hand-over',
      },
    ],
  );
  assert.deepEqual(recorder.of('handed over'), [{ type: 'handed over', task: 'arn:task/2', generation: 4 }]);
  assert.equal(hook.results.length, 0);
});

// What a sweep started is handed over, too: each successor would believe in an action that has only just begun.
test('a successor is told when the action began even if its worker had to ask for it', async () => {
  const { run, starts, facts, clock } = stoppedRun(() => STARTED);
  facts.terminationStartedAt = async () => clock.startedAt - 1_800_000;
  const target = {
    kind: 'instance',
    instanceId: INSTANCE,
    region: 'eu-central-1',
    action: { group: 'nodes' },
  } as const;
  assert.equal(await run({ target }), 'handed over, hook untouched, exit 0');
  assert.deepEqual(
    starts.map(({ task }) => task.action),
    [{ group: 'nodes', startedAt: clock.startedAt - 1_800_000 }],
  );
});

// A task takes a minute to start: with a heartbeat timeout that is nearly over, it would come too late.
test('it beats once more, so that the successor has a full heartbeat timeout', async () => {
  const { run, hook } = stoppedRun(() => STARTED);
  await run();
  assert.ok((hook.beats.at(-1) ?? 0) >= 60_000, `the last beat came after ${hook.beats.at(-1)} ms`);
});

test('a beat that fails, or hangs, holds up no hand-over', async () => {
  for (const fault of [() => Promise.reject(new Failure('reset')), () => new Promise<never>(() => undefined)]) {
    const { run, hook, clock } = stoppedRun(() => STARTED);
    clock.sleep(59_000, new AbortController().signal).then(() => {
      hook.fault = fault;
    });
    assert.equal(await run(), 'handed over, hook untouched, exit 0');
    assert.ok(clock.elapsed < 75_000);
  }
});

test('a start that fails in passing, or finds no place, is tried again with the same client token', async () => {
  const { run, starts } = stoppedRun((tries) => {
    if (tries === 1) return new Failure('Rate exceeded', { transient: true });
    return tries === 2 ? { kind: 'refused', reason: 'Capacity is unavailable at this time' } : STARTED;
  });
  assert.equal(await run(), 'handed over, hook untouched, exit 0');
  assert.equal(starts.length, 3);
  assert.equal(new Set(starts.map(({ clientToken }) => clientToken)).size, 1);
  assert.ok((starts[0]?.clientToken.length ?? 99) <= 64);
});

// Two runs of one generation, of two lineages, would be answered with one task: that of the first, which may be over.
test('the client token is another one for each run and each generation', async () => {
  const tokenOf = async (generation: number) => {
    const { run, starts } = stoppedRun(() => STARTED, 'SIGTERM', 301_000);
    await run({ generation });
    return starts[0]?.clientToken;
  };
  assert.equal(await tokenOf(1), `${INSTANCE}-2-run-1`);
  assert.notEqual(await tokenOf(1), await tokenOf(0));
});

// SIGKILL comes after the stop timeout: whoever still tries then has not even said that nobody goes on.
test('it gives up in time, says so, and ends as stopped', async () => {
  const { run, recorder, clock } = stoppedRun(() => ({
    kind: 'refused',
    reason: 'Capacity is unavailable at this time',
  }));
  assert.equal(await run(), 'stopped, hook untouched, exit 143');
  assert.ok(clock.elapsed <= 60_000 + 12_000, `it took ${clock.elapsed - 60_000} ms`);
  assert.equal(recorder.of('hand-over failed').length, 1);
});

// Something that stops every task at once would start tasks for ever.
test('the twentieth generation hands over to nobody', async () => {
  const { run, starts, recorder } = stoppedRun(() => STARTED);
  assert.equal(await run({ generation: 20 }), 'stopped, hook untouched, exit 143');
  assert.equal(starts.length, 0);
  assert.match(String(recorder.of('hand-over failed')[0]?.error), /20 times/);
});

test('a person at the keyboard, and whoever drains by hand, is believed: no successor', async () => {
  const byKeyboard = stoppedRun(() => STARTED, 'SIGINT');
  assert.equal(await byKeyboard.run(), 'stopped, hook untouched, exit 130');
  const byForce = stoppedRun(() => STARTED);
  assert.equal(await byForce.run({ force: true }), 'stopped, hook untouched, exit 143');
  assert.equal(byKeyboard.starts.length + byForce.starts.length, 0);
});

test('without a place for tasks a worker just stops', async () => {
  const { run, facts } = stoppedRun(() => STARTED);
  facts.ports = {};
  assert.equal(await run(), 'stopped, hook untouched, exit 143');
});

test('a successor is told what the rule told the first task, and when that began', () => {
  const startedAt = Date.parse('2026-03-01T10:00:00Z');
  const drainStartedAt = startedAt + 61_234;
  const action = { group: 'nodes', hook: 'drainer', token: 't', destination: 'EC2', startedAt } as const;
  assert.deepEqual(environmentOf({ instanceId: INSTANCE, action, drainStartedAt, generation: 2 }), {
    INSTANCE_ID: INSTANCE,
    AUTO_SCALING_GROUP_NAME: 'nodes',
    LIFECYCLE_HOOK_NAME: 'drainer',
    LIFECYCLE_ACTION_TOKEN: 't',
    LIFECYCLE_DESTINATION: 'EC2',
    LIFECYCLE_ACTION_TIME: '2026-03-01T10:00:00.000Z',
    DRAIN_TIME: '2026-03-01T10:01:01.234Z',
    GENERATION: '2',
  });
});

// Whatever stops every task within a minute would start a task a minute, for as long as the lifecycle action lasts.
test('the second task that is stopped within 5 minutes starts no third one, but sends one more heartbeat', async () => {
  const { run, starts, recorder, hook } = stoppedRun(() => STARTED);
  assert.equal(await run({ generation: 1 }), 'stopped, hook untouched, exit 143');
  assert.equal(starts.length, 0);
  assert.match(String(recorder.of('hand-over failed')[0]?.error), /not starting a third one within 5 minutes/);
  assert.ok((hook.beats.at(-1) ?? 0) >= 60_000);
});

// An operator who stops one drain for good would have to stop its successors one by one.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
test('a task that is stopped while its instance has the hold tag starts no successor', async () => {
  const { run, starts, facts } = stoppedRun(() => STARTED);
  const before = facts.instance;
  let isHeld = false;
  facts.instance = async () => {
    const instance = await before();
    const held = instance && { ...instance, isHeld };
    isHeld = true;
    return held;
  };
  assert.equal(await run(), 'held, hook untouched, exit 0');
  assert.equal(starts.length, 0);
});

// EC2 that does not answer would keep the successor from starting before SIGKILL.
test('a successor starts although EC2 does not say whether the instance is held', async () => {
  const { run, starts, facts } = stoppedRun(() => STARTED);
  const before = facts.instance;
  let calls = 0;
  facts.instance = () => (++calls === 1 ? before() : new Promise(() => undefined));
  assert.equal(await run(), 'handed over, hook untouched, exit 0');
  assert.equal(starts.length, 1);
});

// A successor that believes in a termination refuses an instance that only EC2 has announced to end.
test('a successor is told the reason of the drain, and when the instance ends', async () => {
  const { run, starts, clock } = stoppedRun(() => STARTED);
  const instanceEndsAt = clock.startedAt + 3_600_000;
  await run({ reason: 'scheduled-change', instanceEndsAt });
  const [{ task } = { task: undefined }] = starts;
  assert.ok(task !== undefined);
  const { REASON, ENDS_AT } = environmentOf(task);
  assert.deepEqual([REASON, ENDS_AT], ['scheduled-change', new Date(instanceEndsAt).toISOString()]);
});
