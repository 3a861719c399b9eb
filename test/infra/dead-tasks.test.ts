import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { matches } from '../simulator/aws/eventbridge/event-pattern.ts';
import { listAt, mapAt, textAt, type Value, type ValueMap } from '../simulator/aws/json.ts';
import { drainer } from './templates.ts';

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

describe('dead drain tasks', () => {
  const rule = resourceOf(drainer(), 'DeadTaskRule').properties;
  const starts = (event: Value) => matches(mapAt(rule, 'EventPattern'), event);

  // An instance waits until its hook times out, and is terminated with its pods.
  test('a drain that crashed or never started starts the probe', () => {
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
      assert.ok(starts(event), what);
    }
  });

  // Each drain starts another sweep; or a person cannot stop a drain.
  test('a drain that succeeded, or that a person stopped, does not start the probe', () => {
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
      assert.ok(!starts(event), what);
    }
  });

  // A mass of dead tasks sends a message each, and nobody reads the next one.
  test('one stopped task starts one probe, and no rule sends messages', () => {
    const rules = [...drainer().resources.values()].filter(({ properties }) =>
      listAt(mapAt(properties, 'EventPattern'), 'detail-type').includes('ECS Task State Change'),
    );
    assert.equal(rules.length, 1, 'a rule invokes its target once for an event, however many branches match');
    const [target, ...others] = listAt(rule, 'Targets');
    assert.equal(others.length, 0);
    assert.equal(textAt(target, 'Arn'), 'arn:aws:states:eu-west-1:111122223333:stateMachine:node-drainer-Starter');
    assert.equal(textAt(target, 'Input'), '{}', 'an empty input: the state machine looks first');
    assert.deepEqual(listAt(rule, 'EventPattern', 'detail', 'lastStatus'), ['STOPPED']);
  });

  // A drain that fails for good is started again each minute; or a broken sweep starts the next one for ever.
  test('failures that metrics count, and failed sweeps, do not start the probe', () => {
    for (const [what, event] of Object.entries({
      'a drain that failed': exited(1),
      'a lifecycle action that ended first': exited(3),
      'a sweep that failed': exited(1, { group: 'sweep' }),
      'a sweep with a bad configuration': exited(64, { group: 'sweep' }),
      'a sweep without an image': stopped({ stopCode: 'TaskFailedToStart', group: 'sweep', containers: [] }),
    })) {
      assert.ok(!starts(event), what);
    }
  });

  // Other workloads in a shared ECS cluster start the probe.
  test('tasks of other families do not start the probe', () => {
    assert.ok(!starts(exited(137, { taskDefinitionArn: `${ecs}:task-definition/node-drainer-staging:1` })));
  });
});
