import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSweepConfig } from '../../../app/config/sweep-config.ts';
import { SWEEP, TASK } from '../../../scripts/cost/cost.ts';
import { demandOf, drainableInTime, secondsToStart, TEMPLATE, tasksWithin } from '../../../scripts/scale/model.ts';
import { DEFAULT_VCPUS } from '../../../scripts/scale/quotas.ts';
import { CASES } from '../../../scripts/scale/scale.ts';
import { drainer, template } from '../../infra/templates.ts';
import { resourceOf } from '../../simulator/aws/cloudformation/stack.ts';
import { at } from '../../simulator/aws/json.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;

// Otherwise the rate of RunTask, which limits everything after it, is not in the model.
test('a thousand terminations at once are all started within 50 s at 20 RunTask calls a second', () => {
  assert.equal(secondsToStart(1_000), 50);
  assert.equal(demandOf(CASES.thousand).secondsToStart, 50);
  assert.equal(demandOf(CASES.half).secondsToStart, 250);
});

// Otherwise the guide tells people to request quotas that they do not need.
test('a rolling replacement within a day is never faster than its events', () => {
  const { starts, tasksAtOnce, secondsToStart } = demandOf(CASES.rolling);
  assert.equal(secondsToStart, 86_400);
  assert.equal(starts, 10_000 / 86_400);
  assert.equal(tasksAtOnce, 42);
});

// Otherwise the vCPU quota is too small, or a hundred times too large.
test('concurrent tasks are at most the terminations, and at most those that start during one drain', () => {
  assert.equal(demandOf(CASES.half).tasksAtOnce, 5_000);
  assert.equal(demandOf({ clusters: 50, terminations: 50_000, within: 0 }).tasksAtOnce, 20 * 360);
  assert.equal(demandOf(CASES.half).vcpus, (5_000 + 50) * 0.25);
});

// Otherwise readers believe that any number of terminations is drained.
test('terminations drained in time: those of the rule in 15 minutes, then those of the sweeps', () => {
  const sweeping = 1_800 - 60 - 900 - 300 - 20;
  assert.equal(drainableInTime(1, 1_800, UNLIMITED), 900 * 20 + sweeping * 10);
  assert.equal(drainableInTime(50, 1_800, UNLIMITED), 900 * 20 + sweeping * 20);
  assert.equal(drainableInTime(1, 1_800, UNLIMITED, 2), drainableInTime(1, 1_800, UNLIMITED) / 2);
});

// Otherwise a short heartbeat timeout looks better than it is.
test('a heartbeat timeout shorter than the maximum event age leaves no time for the sweeps', () => {
  assert.equal(drainableInTime(50, 300, UNLIMITED), 240 * 20);
});

// Otherwise the guide does not name the quota that is reached first.
test('a new account drains 24 nodes at the same time, and 72 of a thousand in time', () => {
  assert.equal(tasksWithin(DEFAULT_VCPUS), 24);
  assert.equal(drainableInTime(1, 1_800, DEFAULT_VCPUS), 72);
});

// Otherwise 50 × 150 calls every five minutes come as a surprise.
test('without a prefix, the sweeps of fifty stacks describe the hooks of all groups', () => {
  const { sweepCalls, sweepCallsWithoutPrefix } = demandOf(CASES.half);
  assert.equal(sweepCalls, (50 * (2 + 3)) / 300);
  assert.equal(sweepCallsWithoutPrefix, (50 * (2 + 150)) / 300);
});

// Otherwise a timeout changes there, and the guide keeps the old limits.
test('the model has the timeouts of the templates and the settings', () => {
  const rule = resourceOf(drainer(), 'TerminationRule').properties;
  const [target] = [at(rule, 'Targets')].flat();
  assert.deepEqual(at(target, 'RetryPolicy'), {
    MaximumEventAgeInSeconds: TEMPLATE.maxEventAge,
    MaximumRetryAttempts: 185,
  });
  const task = resourceOf(drainer(), 'TaskDefinition').properties;
  assert.equal(Number(at(task, 'Cpu')) / 1_024, TASK.vcpu);
  const parameter = (of: 'drainer' | 'lifecycle-hook', name: string) =>
    at(at(at(template(of), 'Parameters'), name), 'Default');
  assert.equal(Number(parameter('lifecycle-hook', 'HeartbeatTimeout')), TEMPLATE.heartbeatTimeout);
  assert.equal(Number(parameter('drainer', 'SweepMinutes')), SWEEP.everyMinutes);
  const sweep = readSweepConfig(
    {
      LIFECYCLE_HOOK_NAME: 'node-drainer',
      AWS_REGION: 'eu-west-1',
      CLUSTER_NAME: 'prod',
      ECS_CLUSTER: 'drainer',
      TASK_DEFINITION: 'drainer',
      SUBNET_IDS: 'subnet-0123456789abcdef0',
      SECURITY_GROUP_IDS: 'sg-0123456789abcdef0',
    },
    { settings: {}, dryRun: false },
  );
  assert.equal(sweep.graceMs / 1_000, TEMPLATE.sweepGrace);
});
