import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { Failure } from '../../../app/lib/errors.ts';
import {
  type ActionDirectory,
  believable,
  findAction,
  type KnownAction,
  phaseOf,
} from '../../../app/lifecycle/action.ts';
import { ManualClock } from '../../support/clock.ts';
import { FakeHook } from '../../support/hooks.ts';

const id = 'i-0123456789abcdef0';
const never = new AbortController().signal;
const token = '00000000-0000-0000-0000-000000000000';

/** An Auto Scaling group in memory. `stateAt` tells the instance's state by the clock; undefined: in no group. */
function groupOf(clock: ManualClock, stateAt: (ms: number) => string | undefined, hooks = ['drainer']) {
  const directory: ActionDirectory = {
    async instanceState() {
      const lifecycleState = stateAt(clock.elapsed);
      return lifecycleState === undefined ? undefined : { group: 'nodes', lifecycleState };
    },
    async terminatingHooks(_group, _instance, { hook }) {
      return hooks.filter((name) => hook === undefined || name === hook).map((name) => new FakeHook(clock, name));
    },
    terminationStartedAt: async () => undefined,
    retainsAbandoned: async () => false,
    terminate: async () => undefined,
  };
  const warnings: string[] = [];
  const report = (event: RunEvent) => void (event.type === 'warning' && warnings.push(event.message));
  return {
    warnings,
    find: (known = {}) => clock.until(findAction(directory, id, known, { clock, report, signal: never }), 20_000),
  };
}

// A state that is taken for another one leaves an instance undrained, or drains one that serves.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Instance.html lists them all.
test('every lifecycle state is known for what it is', () => {
  const states: Record<string, string> = {
    Pending: 'in',
    'Pending:Wait': 'in',
    'Pending:Proceed': 'in',
    InService: 'in',
    EnteringStandby: 'in',
    Standby: 'in',
    Detaching: 'in',
    Detached: 'in',
    Quarantined: 'in',
    Terminating: 'leaving',
    'Terminating:Wait': 'leaving',
    'Terminating:Proceed': 'over',
    'Terminating:Retained': 'retained',
    Terminated: 'over',
    ReplacingRootVolume: 'leaving',
    'ReplacingRootVolume:Wait': 'leaving',
    'ReplacingRootVolume:Proceed': 'over',
    RootVolumeReplaced: 'over',
    'Warmed:Pending': 'uncertain',
    'Warmed:Pending:Wait': 'uncertain',
    'Warmed:Pending:Proceed': 'in',
    'Warmed:Pending:Retained': 'retained',
    'Warmed:Stopped': 'in',
    'Warmed:Running': 'in',
    'Warmed:Hibernated': 'in',
    'Warmed:Terminating': 'leaving',
    'Warmed:Terminating:Wait': 'leaving',
    'Warmed:Terminating:Proceed': 'over',
    'Warmed:Terminating:Retained': 'retained',
    'Warmed:Terminated': 'over',
  };
  for (const [state, phase] of Object.entries(states)) {
    assert.equal(phaseOf(state), phase, state);
    assert.equal(phaseOf(state, { destination: 'EC2' }), phase, state);
  }
});

// An instance that returns to its warm pool is drained like one that is terminated, but never gets into Terminating.
test('on its way back to the warm pool an instance is leaving', () => {
  const phase = (state: string) => phaseOf(state, { destination: 'WarmPool' });
  assert.equal(phase('Warmed:Pending'), 'leaving');
  assert.equal(phase('Warmed:Pending:Wait'), 'leaving');
  assert.equal(phase('Warmed:Pending:Proceed'), 'over');
  assert.equal(phase('Warmed:Stopped'), 'over');
  assert.equal(phase('InService'), 'in');
});

// Auto Scaling has added states before: an instance whose event says that a terminating hook waits would go undrained.
test('an unknown state that waits is leaving, when an event of a terminating hook says so', () => {
  assert.equal(phaseOf('ReplacingKernel:Wait', { token }), 'leaving');
  assert.equal(phaseOf('ReplacingKernel:Wait'), 'in');
  assert.equal(phaseOf('Pending:Wait', { token }), 'in');
});

// A retained instance is over for whoever does not finish it, and must not be taken for one in service.
test('a retained instance is told apart from one that is gone', async () => {
  const { find } = groupOf(new ManualClock(), () => 'Terminating:Retained');
  assert.deepEqual(await find(), { kind: 'retained', group: 'nodes', lifecycleState: 'Terminating:Retained' });
});

// A launching instance would be cordoned when it enters its warm pool.
test('only for an instance that may be new to the warm pool, the first heartbeat decides', async () => {
  const uncertain = async (state: string, known: KnownAction = {}) => {
    const action = await groupOf(new ManualClock(), () => state).find(known);
    return action.kind === 'pending' && action.isUncertain === true;
  };
  assert.equal(await uncertain('Warmed:Pending:Wait'), true);
  assert.equal(await uncertain('Warmed:Pending:Wait', { destination: 'WarmPool' }), false);
  assert.equal(await uncertain('ReplacingRootVolume:Wait'), false);
});

// A duplicate of the event arrives after the root volume was replaced: exit code 64 would raise an alarm.
test('an instance that is back in service after its event said that it returns has no action', async () => {
  for (const destination of ['AutoScalingGroup', 'WarmPool'] as const) {
    const action = await groupOf(new ManualClock(), () => 'InService').find({ token, destination });
    assert.deepEqual(action, { kind: 'none', reason: `${id} is InService again` });
  }
});

test('a terminating instance has a pending action with all its hooks, or the one that is named', async () => {
  const { find } = groupOf(new ManualClock(), () => 'Terminating:Wait', ['drainer', 'logs']);
  const all = await find();
  assert.ok(all.kind === 'pending');
  assert.deepEqual([all.group, all.hooks.map(({ name }) => name)], ['nodes', ['drainer', 'logs']]);
  const one = await find({ hook: 'logs' });
  assert.ok(one.kind === 'pending');
  assert.deepEqual(
    one.hooks.map(({ name }) => name),
    ['logs'],
  );
});

// A duplicate event of an instance that is gone is no failure: there is nothing left to do.
test('an instance that is gone, past its hooks, or without any, has no action, and it is said why', async () => {
  const clock = new ManualClock();
  const why = async (state: string | undefined, hooks?: string[]) => {
    const action = await groupOf(clock, () => state, hooks).find();
    assert.ok(action.kind === 'none');
    return action.reason;
  };
  assert.match(await why(undefined), /in no Auto Scaling group/);
  assert.match(await why('Terminating:Proceed'), /is Terminating:Proceed/);
  assert.match(await why('Terminated'), /is Terminated/);
  assert.match(await why('Terminating:Wait', []), /nodes has no terminating lifecycle hook/);
});

// The event arrives before describe calls show it: taken at its first word, the drainer refuses a dying instance.
test('after an event, describe calls that lag behind it are asked again for some seconds', async () => {
  const clock = new ManualClock();
  const action = await groupOf(clock, (ms) => (ms < 5_000 ? 'InService' : 'Terminating:Wait')).find({ token });
  assert.equal(action.kind, 'pending');
  assert.ok(clock.elapsed <= 8_000);
});

test('an instance that stays in service is not terminating: at once without an event, after some looks with one', async () => {
  const clock = new ManualClock();
  const { find } = groupOf(clock, () => 'InService');
  const expected = { kind: 'not terminating', group: 'nodes', lifecycleState: 'InService' };
  assert.deepEqual(await find(), expected);
  assert.equal(clock.elapsed, 0);
  assert.deepEqual(await find({ token }), expected);
  assert.ok(clock.elapsed >= 5_000 && clock.elapsed <= 15_000);
});

// A wrong group or hook on a command line would send heartbeats for, and complete, a hook of another group's instance.
test('a group or a hook that a person typed and that contradicts Auto Scaling is a failure that names both', async () => {
  const { find } = groupOf(new ManualClock(), () => 'Terminating:Wait');
  await assert.rejects(find({ isTyped: true, group: 'others' }), (error) => {
    assert.ok(error instanceof Failure);
    assert.match(error.message, /in group nodes, not in others/);
    return !error.transient;
  });
  await assert.rejects(
    find({ isTyped: true, group: 'nodes', hook: 'typo' }),
    /nodes has no terminating lifecycle hook called typo/,
  );
});

// An instance was attached to another group, or its hook was replaced, since the event was written: it would go undrained.
test('a group or a hook in an event that contradicts Auto Scaling is a warning, and what Auto Scaling says counts', async () => {
  const { find, warnings } = groupOf(new ManualClock(), () => 'Terminating:Wait');
  const action = await find({ group: 'others', hook: 'renamed', token });
  assert.ok(action.kind === 'pending');
  assert.deepEqual([action.group, action.hooks.map(({ name }) => name)], ['nodes', ['drainer']]);
  assert.deepEqual(
    warnings.map((warning) => /^(.*) as the event says/.exec(warning)?.[1]),
    [`${id} is in group nodes, not in others`, 'group nodes has no terminating lifecycle hook called renamed'],
  );
});

// With a start of years ago the action would be over already, and every pod would be deleted at once; with one in the future
// the end would be expected too late.
test('a start that cannot be true is a warning, and is looked up', () => {
  const now = Date.parse('2026-06-01T12:00:00Z');
  const hour = 3_600_000;
  const startOf = (startedAt: number) => {
    const warnings: string[] = [];
    const report = (event: RunEvent) => void (event.type === 'warning' && warnings.push(event.message));
    return [believable({ group: 'nodes', startedAt }, now, report), warnings.length];
  };
  for (const startedAt of [0, now - 49 * hour, now + hour])
    assert.deepEqual(startOf(startedAt), [{ group: 'nodes' }, 1]);
  for (const startedAt of [now - 47 * hour, now, now + 60_000]) {
    assert.deepEqual(startOf(startedAt), [{ group: 'nodes', startedAt }, 0]);
  }
});
