import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSweepConfig } from '../../app/config/sweep-config.ts';
import { TemplateValidationError } from '../simulator/aws/cloudformation/parameters.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, textAt } from '../simulator/aws/json.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import { drainer, EKS, template, templateText, VARIANTS } from './templates.ts';

describe('sweep schedule', () => {
  for (const [what, parameters] of VARIANTS.filter(([, { SweepMinutes }]) => SweepMinutes !== '0')) {
    const { properties } = resourceOf(drainer(parameters), 'SweepSchedule');
    const target = at(properties, 'Target');

    // CreateSchedule accepts the target, but no sweep ever starts.
    test(`the schedule starts one on-demand task in the network of the stack: ${what}`, () => {
      const cluster = parameters['EcsCluster'] ?? 'node-drainer-Cluster';
      assert.equal(textAt(target, 'Arn'), `arn:aws:ecs:eu-west-1:111122223333:cluster/${cluster}`);
      assert.deepEqual(at(properties, 'FlexibleTimeWindow'), { Mode: 'OFF' });
      assert.deepEqual(at(target, 'EcsParameters'), {
        TaskDefinitionArn: 'arn:aws:ecs:eu-west-1:111122223333:task-definition/node-drainer:1',
        TaskCount: 1,
        LaunchType: 'FARGATE',
        NetworkConfiguration: {
          AwsvpcConfiguration: {
            Subnets: ['subnet-0123456789abcdef0', 'subnet-0fedcba9876543210'],
            SecurityGroups: ['sg-0123456789abcdef0'],
            AssignPublicIp: parameters['AssignPublicIp'] ?? 'DISABLED',
          },
        },
        Group: 'sweep',
        PropagateTags: 'TASK_DEFINITION',
        EnableECSManagedTags: true,
      });
    });

    // The sweep exits with 64, or drains instances of other groups.
    test(`the sweep's configuration has the values of the stack's parameters: ${what}`, async (context) => {
      const aws = await startAws({ region: 'eu-west-1' });
      context.after(() => aws.stop());
      aws.deploy(templateText('drainer'), parameters);
      const environments: Readonly<Record<string, string>>[] = [];
      aws.onRunTask(({ command, environment }) => {
        assert.deepEqual(command, ['sweep']);
        environments.push(environment);
      });
      const scheduledAt = new Date('2026-11-22T13:05:00Z');
      aws.runSchedule('SweepSchedule', scheduledAt);
      const [environment] = environments;
      assert.ok(environment);
      const config = readSweepConfig({ ...environment, AWS_REGION: 'eu-west-1' }, { settings: {}, dryRun: false });
      assert.equal(config.hook, 'node-drainer');
      assert.equal(config.groupPrefix, parameters['AutoScalingGroupPrefix'] ?? '');
      assert.equal(config.scheduledAt, scheduledAt.getTime());
      assert.equal(config.cluster.kind, parameters['KubeConfigBucket'] === undefined ? 'eks' : 'kubeconfig-object');
      assert.deepEqual(config.placement, {
        cluster: parameters['EcsCluster'] ?? 'node-drainer-Cluster',
        taskDefinition: 'node-drainer',
        subnets: ['subnet-0123456789abcdef0', 'subnet-0fedcba9876543210'],
        securityGroups: ['sg-0123456789abcdef0'],
        assignPublicIp: parameters['AssignPublicIp'] ?? 'DISABLED',
      });
    });
  }

  // The Scheduler refuses "rate(1 minutes)", and the stack fails.
  test('SweepMinutes gives a valid rate expression', () => {
    const rate = (SweepMinutes: string) =>
      textAt(resourceOf(drainer({ ...EKS, SweepMinutes }), 'SweepSchedule').properties, 'ScheduleExpression');
    assert.deepEqual(['1', '5', '60'].map(rate), ['rate(1 minute)', 'rate(5 minutes)', 'rate(60 minutes)']);
  });

  // The Scheduler refuses "rate(0 minutes)"; or an alarm waits for sweeps that never start.
  test('SweepMinutes=0 creates no resource of the sweep', () => {
    const { resources } = drainer({ ...EKS, SweepMinutes: '0' });
    assert.deepEqual(
      [...resources.keys()].filter((id) => /Sweep|Schedul/.test(id)),
      [],
    );
  });

  // The instance is terminated before a sweep finds it; or late sweeps accumulate during an outage.
  test('a sweep starts before the hook of an undrained instance times out, and is not retried after the next sweep', () => {
    const minutes = Number(textAt(template('drainer'), 'Parameters', 'SweepMinutes', 'Default'));
    const timeout = Number(textAt(template('lifecycle-hook'), 'Parameters', 'HeartbeatTimeout', 'Default'));
    assert.ok(minutes * 60 * 3 <= timeout);
    const least = Number(textAt(template('lifecycle-hook'), 'Parameters', 'HeartbeatTimeout', 'MinValue'));
    // One interval of five minutes, and the same time again for two Fargate tasks to start: the sweep's and the drain's.
    assert.ok(minutes * 60 * 2 <= least);
    const { properties } = resourceOf(drainer({ ...EKS, SweepMinutes: '1' }), 'SweepSchedule');
    assert.ok(Number(textAt(properties, 'Target', 'RetryPolicy', 'MaximumEventAgeInSeconds')) <= 60);
  });

  // The schedule fails during stack creation, or its sweeps find only terminated instances.
  test('SweepMinutes is a whole number of at most 60', () => {
    for (const SweepMinutes of ['-1', '61', '', 'five'])
      assert.throws(() => drainer({ ...EKS, SweepMinutes }), TemplateValidationError, SweepMinutes);
    for (const SweepMinutes of ['0', '1', '5', '60']) assert.ok(drainer({ ...EKS, SweepMinutes }), SweepMinutes);
  });

  // Every sweep goes to the dead-letter queue.
  test('a group prefix that would break the JSON of the input is refused', () => {
    for (const AutoScalingGroupPrefix of ['a"b', 'a\\b', '<aws.scheduler.execution-id>'])
      assert.throws(() => drainer({ ...EKS, AutoScalingGroupPrefix }), TemplateValidationError, AutoScalingGroupPrefix);
  });
});
