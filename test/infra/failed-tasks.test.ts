import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { matches } from '../simulator/aws/eventbridge/event-pattern.ts';
import { inputTransformer, transform } from '../simulator/aws/eventbridge/input-transformer.ts';
import { listAt, mapAt, textAt, type Value, type ValueMap } from '../simulator/aws/json.ts';
import { drainer, EKS } from './templates.ts';

const ecs = 'arn:aws:ecs:eu-west-1:111122223333';

/** The event that ECS sends for a stopped task. */
function stopped(detail: ValueMap): ValueMap {
  return {
    source: 'aws.ecs',
    'detail-type': 'ECS Task State Change',
    detail: {
      clusterArn: `${ecs}:cluster/node-drainer-Cluster`,
      taskDefinitionArn: `${ecs}:task-definition/node-drainer:7`,
      taskArn: `${ecs}:task/node-drainer-Cluster/0123456789abcdef0123456789abcdef`,
      group: 'family:node-drainer',
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      containers: [{ name: 'drainer', exitCode: 137 }],
      ...detail,
    },
  };
}

const exited = (exitCode: number, more: ValueMap = {}) =>
  stopped({ containers: [{ name: 'drainer', exitCode }], ...more });

describe('notifications about stopped tasks', () => {
  const rule = resourceOf(drainer(), 'FailedTaskRule').properties;
  const alarms = (event: Value) => matches(mapAt(rule, 'EventPattern'), event);

  // An instance waits until its hook times out, and is terminated with its pods.
  test('a drain that crashed or never started sends a notification', () => {
    for (const [what, event] of Object.entries({
      'bad configuration': exited(64),
      'out of memory': exited(137),
      'a stop by Spot, after which no successor started': exited(143, { stopCode: 'SpotInterruption' }),
      'a retirement, after which no successor started': exited(143, { stopCode: 'TerminationNotice' }),
      'an image that does not exist': stopped({ stopCode: 'TaskFailedToStart', containers: [{ name: 'drainer' }] }),
      'a lost host, without an exit code': stopped({ containers: [{ name: 'drainer' }] }),
      'a lost host, with a GuardDuty container beside the drainer': stopped({
        containers: [{ name: 'aws-guardduty-agent-x' }, { name: 'drainer' }],
      }),
      'a lost host on Spot': stopped({ stopCode: 'SpotInterruption', containers: [{ name: 'drainer' }] }),
      'an older revision': exited(137, { taskDefinitionArn: `${ecs}:task-definition/node-drainer:1` }),
    })) {
      assert.ok(alarms(event), what);
    }
  });

  // Operators mute the alarm within a week.
  test('a drain that succeeded, or that a person stopped, sends no notification', () => {
    for (const [what, event] of Object.entries({
      success: exited(0),
      'a stop by Spot, after which a successor continues': exited(0, { stopCode: 'SpotInterruption' }),
      'a task that a person stopped': exited(143, { stopCode: 'UserInitiated' }),
      'a task that still runs': exited(137, { lastStatus: 'RUNNING' }),
      'a task that a person stopped before it ran': stopped({
        stopCode: 'UserInitiated',
        containers: [{ name: 'drainer' }],
      }),
      'a task that is stopping and has no exit code yet': stopped({
        lastStatus: 'DEPROVISIONING',
        containers: [{ name: 'drainer' }],
      }),
      'a sweep on a lost host': stopped({ group: 'sweep', containers: [{ name: 'drainer' }] }),
      'a GuardDuty container without an exit code': stopped({
        containers: [{ name: 'aws-guardduty-agent-x' }, { name: 'drainer', exitCode: 0 }],
      }),
      'a GuardDuty container that failed': stopped({
        containers: [
          { name: 'aws-guardduty-agent-x', exitCode: 143 },
          { name: 'drainer', exitCode: 0 },
        ],
      }),
    })) {
      assert.ok(!alarms(event), what);
    }
  });

  // The person on call gets two notifications and looks for a second node.
  test('one stopped task sends one notification', () => {
    const rules = [...drainer().resources.values()].filter(({ properties }) =>
      listAt(mapAt(properties, 'EventPattern'), 'detail-type').includes('ECS Task State Change'),
    );
    assert.equal(rules.length, 1, 'a rule invokes its target once for an event, however many branches match');
    assert.equal(listAt(rule, 'Targets').length, 1);
    assert.deepEqual(listAt(rule, 'EventPattern', 'detail', 'lastStatus'), ['STOPPED']);
  });

  // Every failure sends two e-mails, and a broken sweep sends one every five minutes until the team ignores them.
  test('failures that metrics count, and failed sweeps, send no notification: their alarms do', () => {
    for (const [what, event] of Object.entries({
      'a drain that failed': exited(1),
      'a lifecycle action that ended first': exited(3),
      'a sweep that failed': exited(1, { group: 'sweep' }),
      'a sweep with a bad configuration': exited(64, { group: 'sweep' }),
      'a sweep without an image': stopped({ stopCode: 'TaskFailedToStart', group: 'sweep', containers: [] }),
    })) {
      assert.ok(!alarms(event), what);
    }
    const group = textAt(resourceOf(drainer(), 'SweepSchedule').properties, 'Target', 'EcsParameters', 'Group');
    assert.equal(group, 'sweep');
  });

  // Other workloads in a shared ECS cluster page the team.
  test('tasks of other families and clusters send no notification', () => {
    assert.ok(!alarms(exited(137, { taskDefinitionArn: `${ecs}:task-definition/node-drainer-staging:1` })));
    assert.ok(!alarms(exited(137, { clusterArn: `${ecs}:cluster/shared` })));
    const shared = resourceOf(drainer({ ...EKS, EcsCluster: 'shared' }), 'FailedTaskRule').properties;
    assert.ok(matches(mapAt(shared, 'EventPattern'), exited(137, { clusterArn: `${ecs}:cluster/shared` })));
  });

  // A quote in the stopped reason makes the message invalid JSON, and the notification is lost.
  test('the message names the stack, the task and the log group, with any stopped reason', () => {
    const [target] = listAt(rule, 'Targets');
    const reason = 'CannotPullContainerError: failed to resolve reference "registry/node-drainer:1.0"';
    const event = stopped({ stopCode: 'TaskFailedToStart', stoppedReason: reason });
    const message = String(transform(inputTransformer(mapAt(target, 'InputTransformer')), event));
    assert.match(
      message,
      /^node-drainer: a drain task failed or never started, .* until the next sweep starts another/,
    );
    assert.match(message, /task\/node-drainer-Cluster\/0123456789abcdef0123456789abcdef ended with TaskFailedToStart/);
    assert.match(message, /log in node-drainer-LogGroup/);
    const [alone] = listAt(resourceOf(drainer({ ...EKS, SweepMinutes: '0' }), 'FailedTaskRule').properties, 'Targets');
    const withoutSweep = String(transform(inputTransformer(mapAt(alone, 'InputTransformer')), event));
    assert.match(withoutSweep, /its instance waits until its lifecycle hook times out\./);
  });
});
