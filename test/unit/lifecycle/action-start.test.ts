import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { FakeHook } from '../../support/hooks.ts';
import { pod } from '../../support/objects.ts';
import { INSTANCE, runFixture } from '../../support/run-fixture.ts';

const endless = { shutdownMs: Number.POSITIVE_INFINITY };
const HOUR_MS = 3_600_000;
/** The grace period of the pod that is stuck, and LAST_RESORT_SECONDS. */
const LAST_RESORT_MS = 60_000;
const TOO_LONG_AGO_MS = 10 * 24 * HOUR_MS;

/** A run of a task that nobody told when its action began; the action ends an hour after that, and so does the node. */
function untold(begunBeforeMs = 0) {
  const all = runFixture();
  const hook = Object.assign(new FakeHook(all.clock, 'short'), { globalTimeoutSeconds: HOUR_MS / 1_000 });
  all.facts.action = { kind: 'pending', group: 'nodes', hooks: [hook] };
  all.cluster.add(pod('stuck'), endless);
  const asked: string[][] = [];
  all.facts.terminationStartedAt = async (...[group, instanceId]) => {
    asked.push([group, instanceId]);
    return all.clock.startedAt - begunBeforeMs;
  };
  all.clock.sleep(HOUR_MS - begunBeforeMs, new AbortController().signal).then(() => hook.end());
  const end = async (more = {}) => {
    await all.run(more, 2 * HOUR_MS);
    return {
      nearEnd: all.recorder.timesOf('action ending soon', all.clock.startedAt),
      lastResort: all.recorder.timesOf('last resort', all.clock.startedAt),
    };
  };
  return { ...all, asked, end };
}

// The task of a sweep starts when the action is half an hour old: by its own start it would be late by as much.
test('a run that nobody told asks when its action began, and is in a hurry in time', async () => {
  const { asked, end } = untold(HOUR_MS / 2);
  const { nearEnd, lastResort } = await end();
  assert.deepEqual(asked, [['nodes', INSTANCE]]);
  assert.deepEqual(nearEnd, [HOUR_MS * 0.4]);
  assert.deepEqual(lastResort, [HOUR_MS / 2 - LAST_RESORT_MS]);
});

// One call more for each of a thousand terminations is a call that is throttled.
test('a run that was told asks nobody, nor does one without an action, nor a dry run', async () => {
  const told = untold();
  const action = { startedAt: told.clock.startedAt - HOUR_MS / 4 };
  const target = { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action } as const;
  assert.deepEqual((await told.end({ target })).lastResort, [HOUR_MS * 0.75 - LAST_RESORT_MS]);
  const dry = untold();
  await dry.run({ dryRun: true });
  const forced = runFixture();
  forced.facts.action = { kind: 'not terminating', group: 'nodes', lifecycleState: 'InService' };
  forced.facts.terminationStartedAt = () => assert.fail('there is no action');
  await forced.run({ force: true });
  assert.deepEqual([told.asked, dry.asked], [[], []]);
});

// A role without the new permission must drain as well as it did before.
test('without an answer the run goes on from its own start, and a failure is told once', async () => {
  const denied = new Failure('could not describe the scaling activities of nodes: AccessDenied', {
    advice: 'allow it',
  });
  for (const [answer, warnings] of [
    [async () => undefined, 0],
    [() => Promise.reject(denied), 1],
    [() => Promise.reject(new Failure('Throttling', { transient: true })), 1],
    [() => new Promise<never>(() => undefined), 1],
  ] as const) {
    const { clock, cluster, facts, end, recorder } = untold();
    facts.terminationStartedAt = answer;
    const { lastResort } = await end();
    assert.deepEqual(lastResort, [HOUR_MS - LAST_RESORT_MS]);
    assert.equal(recorder.of('warning').length, warnings);
    const at = cluster.evictions[0]?.at ?? Number.NaN;
    assert.ok(at <= 11_000, `the first pod was asked after ${at} ms`);
    assert.ok(clock.elapsed >= HOUR_MS - LAST_RESORT_MS);
  }
});

// An activity of the future is a clock that is wrong: the end would be expected when the instance is long gone.
test('what began later than the run is not believed; what began too long ago leaves no patience, and still asks', async () => {
  assert.deepEqual((await untold(-HOUR_MS / 2).end()).lastResort.slice(0, 1), [HOUR_MS - LAST_RESORT_MS]);
  const late = untold(HOUR_MS / 2);
  late.facts.terminationStartedAt = async () => late.clock.startedAt - TOO_LONG_AGO_MS;
  late.cluster.add(pod('dns', { critical: true }), endless);
  await late.end();
  assert.deepEqual(late.cluster.evictions.map(({ name }) => name).sort(), ['dns', 'stuck']);
});
