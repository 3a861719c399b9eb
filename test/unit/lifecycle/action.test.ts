import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../app/lib/errors.ts';
import { type ActionDirectory, findAction, phaseOf } from '../../../app/lifecycle/action.ts';
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
  };
  return {
    find: (known = {}) => clock.until(findAction(directory, id, known, clock, never), 20_000),
  };
}

// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
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
    Terminated: 'over',
    'Warmed:Stopped': 'in',
    'Warmed:Running': 'in',
    'Warmed:Hibernated': 'in',
    'Warmed:Terminating': 'leaving',
    'Warmed:Terminating:Wait': 'leaving',
    'Warmed:Terminating:Proceed': 'over',
    'Warmed:Terminated': 'over',
  };
  for (const [state, phase] of Object.entries(states)) {
    assert.equal(phaseOf(state), phase, state);
    assert.equal(phaseOf(state, 'EC2'), phase, state);
  }
});

// An instance that returns to its warm pool is drained like one that is terminated, but never gets into Terminating.
test('on its way back to the warm pool an instance is leaving', () => {
  assert.equal(phaseOf('Warmed:Pending', 'WarmPool'), 'leaving');
  assert.equal(phaseOf('Warmed:Pending:Wait', 'WarmPool'), 'leaving');
  assert.equal(phaseOf('Warmed:Pending:Proceed', 'WarmPool'), 'over');
  assert.equal(phaseOf('Warmed:Stopped', 'WarmPool'), 'over');
  assert.equal(phaseOf('Warmed:Pending:Wait', 'AutoScalingGroup'), 'in');
  assert.equal(phaseOf('InService', 'WarmPool'), 'in');
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

// A wrong group in the event's transformer would complete a hook of another group's instance.
test('a group or a hook that contradicts Auto Scaling is a failure that names both', async () => {
  const { find } = groupOf(new ManualClock(), () => 'Terminating:Wait');
  await assert.rejects(find({ group: 'others' }), (error) => {
    assert.ok(error instanceof Failure);
    assert.match(error.message, /in group nodes, not in others/);
    return !error.transient;
  });
  await assert.rejects(find({ group: 'nodes', hook: 'typo' }), /nodes has no terminating lifecycle hook called typo/);
});
