import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSweepConfig } from '../../app/config/sweep-config.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, textAt } from '../simulator/aws/json.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { drainer, EKS, template, templateText, VARIANTS } from './templates.ts';

const SWEEPING = VARIANTS.filter(([, { SweepHours }]) => SweepHours !== '0');

describe('sweep schedule', () => {
  for (const [what, parameters] of SWEEPING) {
    // CreateSchedule accepts the target, but no sweep ever starts; or the sweep exits with 64.
    test(`the schedule starts one on-demand task with the values of the stack's parameters: ${what}`, async (context) => {
      const aws = await startAws({ region: 'eu-west-1' });
      context.after(() => aws.stop());
      aws.deploy(templateText('drainer'), parameters);
      const environments: Readonly<Record<string, string>>[] = [];
      aws.onRunTask(({ command, environment }) => {
        assert.deepEqual(command, ['sweep']);
        environments.push(environment);
      });
      const scheduledAt = new Date('2026-11-22T13:05:00Z');
      const execution = aws.runSchedule('SweepSchedule', scheduledAt);
      assert.ok('ended' in execution);
      assert.equal((await execution.ended).status, 'SUCCEEDED');
      const [task, ...others] = aws.tasks;
      assert.ok(task !== undefined && others.length === 0);
      assert.deepEqual([task.group, task.launchType], ['sweep', 'FARGATE']);
      assert.deepEqual(task.networkConfiguration, {
        awsvpcConfiguration: {
          subnets: ['subnet-0123456789abcdef0', 'subnet-0fedcba9876543210'],
          securityGroups: ['sg-0123456789abcdef0'],
          assignPublicIp: parameters['AssignPublicIp'] ?? 'DISABLED',
        },
      });
      const [environment] = environments;
      assert.ok(environment);
      const config = readSweepConfig({ ...environment, AWS_REGION: 'eu-west-1' }, { settings: {}, dryRun: false });
      assert.equal(config.hook, 'node-drainer');
      assert.equal(config.groupPrefix, parameters['AutoScalingGroupPrefix'] ?? '');
      assert.equal(config.scheduledAt, scheduledAt.getTime());
      const eks = parameters['ClusterName'] === '*' ? 'by-tags' : 'eks';
      assert.equal(config.cluster.kind, parameters['KubeConfigBucket'] === undefined ? eks : 'kubeconfig-object');
      assert.ok(config.checkGroups);
      assert.deepEqual(config.placement, {
        cluster: parameters['EcsCluster'] ?? 'node-drainer-Cluster',
        taskDefinition: 'node-drainer',
        subnets: ['subnet-0123456789abcdef0', 'subnet-0fedcba9876543210'],
        securityGroups: ['sg-0123456789abcdef0'],
        assignPublicIp: parameters['AssignPublicIp'] ?? 'DISABLED',
      });
    });
  }

  // The Scheduler refuses "rate(1 hours)", and the stack fails; or an alarm waits for sweeps that never start.
  test('SweepHours gives a valid rate expression, and 0 creates no schedule', () => {
    for (const SweepHours of ['2', '6', '24']) {
      const { properties } = resourceOf(drainer({ ...EKS, SweepHours }), 'SweepSchedule');
      assert.equal(textAt(properties, 'ScheduleExpression'), `rate(${SweepHours} hours)`);
    }
    assert.ok(!drainer({ ...EKS, SweepHours: '0' }).resources.has('SweepSchedule'));
  });

  // The instance is terminated before the probe finds it; or late probes accumulate during an outage.
  test('the probe looks each minute, well within the timeout of a hook, and is not delivered later', () => {
    const { properties } = resourceOf(drainer(), 'ProbeSchedule');
    assert.equal(textAt(properties, 'ScheduleExpression'), 'rate(1 minute)');
    assert.deepEqual(at(properties, 'FlexibleTimeWindow'), { Mode: 'OFF' });
    assert.equal(Number(textAt(properties, 'Target', 'RetryPolicy', 'MaximumEventAgeInSeconds')), 60);
    const least = Number(textAt(template('lifecycle-hook'), 'Parameters', 'HeartbeatTimeout', 'MinValue'));
    // Two minutes until the probe, and a Fargate start for the sweep and for the drain.
    assert.ok(2 * 60 + 2 * 120 < least);
  });
});
