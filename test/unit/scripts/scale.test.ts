import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSweepConfig } from '../../../app/config/sweep-config.ts';
import { TASK } from '../../../scripts/cost/bill.ts';
import {
  demandOf,
  drainableInTime,
  instancesPerProbe,
  secondsToStart,
  TEMPLATE,
  tasksWithin,
} from '../../../scripts/scale/model.ts';
import { DEFAULT_VCPUS, QUOTAS } from '../../../scripts/scale/quotas.ts';
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
  const flood = { clusters: 50, instances: 100_000, terminations: 50_000, within: 0 };
  assert.equal(demandOf(flood).tasksAtOnce, 20 * 360);
  assert.equal(demandOf(CASES.half).vcpus, (5_000 + 1) * 0.25);
});

// FARGATE_SPOT is turned on, and the quota that was raised is the other one.
// https://docs.aws.amazon.com/general/latest/gr/ecs-service.html lists both.
test('Fargate Spot has a vCPU quota of its own, for the drains without the sweep', () => {
  const [onDemand, spot] = QUOTAS.filter(({ name }) => name.includes('vCPU'));
  assert.match(onDemand?.name ?? '', /^Fargate On-Demand vCPU/);
  assert.match(spot?.name ?? '', /^Fargate Spot vCPU/);
  assert.equal(spot?.defaultValue, 6);
  assert.equal(spot?.needed(demandOf(CASES.region)), 250);
  assert.equal(onDemand?.needed(demandOf(CASES.region)), 250.25);
});

// Otherwise readers believe that any number of terminations is drained.
test('terminations drained in time: those of the rule in 15 minutes, then those of a sweep', () => {
  const sweeping = 1_800 - 60 - 900;
  assert.equal(drainableInTime(1_800, UNLIMITED), 900 * 20 + sweeping * 10);
  assert.equal(drainableInTime(1_800, UNLIMITED, 2), drainableInTime(1_800, UNLIMITED) / 2);
});

// Otherwise a short heartbeat timeout looks better than it is.
test('a heartbeat timeout shorter than the maximum event age leaves no time for sweeps', () => {
  assert.equal(drainableInTime(300, UNLIMITED), 240 * 20);
});

// Otherwise the guide does not name the quota that is reached first.
test('a new account drains 24 nodes at the same time, and 96 of a thousand in time', () => {
  assert.equal(tasksWithin(DEFAULT_VCPUS), 24);
  // Drains of six minutes, and 140 s until the probe and a sweep have found what waits: 0, 500, 1,000 and 1,500 s.
  assert.equal(drainableInTime(1_800, DEFAULT_VCPUS), 4 * 24);
});

// Pages of DescribeAutoScalingInstances have at most 50 instances, and their rate comes as a surprise.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingInstances.html
test('the probe reads every instance of the region once a minute, 50 at a time', () => {
  const { probePages, probeCalls } = demandOf(CASES.region);
  assert.equal(probePages, 2_000 / 50);
  assert.equal(probeCalls, 40 / 60);
  assert.equal(demandOf({ ...CASES.region, instances: 2_001 }).probePages, 41);
});

// An Express workflow ends after five minutes, and then the probe starts a sweep every minute without need.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
test('the probe looks for less than five minutes, even while 5,000 of 10,000 instances are drained', () => {
  assert.ok(demandOf(CASES.half).probeSeconds < 300);
  assert.ok(demandOf(CASES.rolling).probeSeconds < 60);
  assert.equal(instancesPerProbe(), 20_000);
});

// One sweep for each of ten clusters would need ten times as many calls.
test('one sweep describes the hooks of the groups in which instances wait, of all clusters', () => {
  assert.equal(demandOf(CASES.region).sweepCalls, (1 + 30) / 60);
  assert.equal(demandOf(CASES.half).sweepCalls, (2 + 150) / 60);
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
  assert.equal(Number(at(task, 'Memory')) / 1_024, TASK.gigabytes);
  const timeout = at(at(at(template('lifecycle-hook'), 'Parameters'), 'HeartbeatTimeout'), 'Default');
  assert.equal(Number(timeout), TEMPLATE.heartbeatTimeout);
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
