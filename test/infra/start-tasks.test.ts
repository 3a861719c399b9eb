import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { listAt, mapAt, textAt } from '../simulator/aws/json.ts';
import { actionsOf, allowing } from './policies.ts';
import { drainer, importing, template, VARIANTS } from './templates.ts';

describe('permissions to start tasks', () => {
  for (const [what, parameters] of VARIANTS) {
    const stack = drainer(parameters);
    const target = listAt(resourceOf(stack, 'TerminationRule').properties, 'Targets')[0];
    const cluster = textAt(target, 'Arn');
    const starters = ['StartRole', 'TaskRole'];

    for (const role of starters) {
      // No task starts, and the event goes to the dead-letter queue; or the role can run any task with any role.
      test(`${role} may start tasks of this family in this cluster, with the task's two roles: ${what}`, () => {
        const definition = resourceOf(stack, 'TaskDefinition').properties;
        const run = allowing(stack, role, 'ecs:RunTask');
        const family = textAt(target, 'EcsParameters', 'TaskDefinitionArn').replace(/:\d+$/, '');
        // The drainer starts the family without a revision: ECS uses the latest one.
        assert.deepEqual(run.resources, [family, `${family}:*`]);
        assert.deepEqual(run.condition, { ArnEquals: { 'ecs:cluster': cluster } });

        const pass = allowing(stack, role, 'iam:PassRole');
        const roles = [textAt(definition, 'TaskRoleArn'), textAt(definition, 'ExecutionRoleArn')];
        assert.deepEqual([...pass.resources].sort(), roles.sort());
        assert.deepEqual(pass.condition, { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } });

        const tag = allowing(stack, role, 'ecs:TagResource');
        assert.deepEqual(tag.resources, [`${cluster.replace(':cluster/', ':task/')}/*`]);
        assert.deepEqual(tag.condition, { StringEquals: { 'ecs:CreateAction': 'RunTask' } });
      });
    }

    // The drainer can read the environment of every task in the account, including other teams' secrets.
    test(`the drainer may list and describe only the tasks of its ECS cluster: ${what}`, () => {
      const condition = { ArnEquals: { 'ecs:cluster': cluster } };
      assert.deepEqual(allowing(stack, 'TaskRole', 'ecs:ListTasks').condition, condition);
      const describe = allowing(stack, 'TaskRole', 'ecs:DescribeTasks');
      assert.deepEqual(describe.condition, condition);
    });
  }

  // The role of EventBridge accumulates permissions; or a state machine may start every state machine of the account.
  test('the role that starts tasks may only look, start tasks and state machines of the stack, and send dead letters', () => {
    assert.deepEqual(actionsOf(drainer(), 'StartRole'), [
      'autoscaling:DescribeAutoScalingInstances',
      'autoscaling:DescribeLifecycleHooks',
      'ec2:DescribeTags',
      'ecs:DescribeTasks',
      'ecs:ListTasks',
      'ecs:RunTask',
      'ecs:TagResource',
      'iam:PassRole',
      'sqs:SendMessage',
      'states:StartExecution',
      'states:StartSyncExecution',
    ]);
    const machine = (name: string) => `arn:aws:states:eu-west-1:111122223333:stateMachine:node-drainer-${name}`;
    assert.deepEqual(allowing(drainer(), 'StartRole', 'states:StartExecution').resources, [machine('Starter')]);
    assert.deepEqual(allowing(drainer(), 'StartRole', 'states:StartSyncExecution').resources, [machine('Look')]);
    assert.deepEqual(allowing(drainer(), 'StartRole', 'sqs:SendMessage').resources, [
      'arn:aws:sqs:eu-west-1:111122223333:node-drainer-DeadLetterQueue',
    ]);
    const events = importing('ec2-events', { SpotInterruptions: 'drain' });
    assert.deepEqual(actionsOf({ ...events, name: 'ec2-events' }, 'EventsRole'), ['states:StartExecution']);
    assert.deepEqual(allowing(events, 'EventsRole', 'states:StartExecution').resources, [machine('Starter')]);
  });

  // The first event after the creation of the stack starts nothing, because its role has no permissions yet.
  test('everything that starts a task is created after the permission to do so', () => {
    for (const name of ['drainer', 'ec2-events'] as const) {
      for (const [id, resource] of Object.entries(mapAt(template(name), 'Resources'))) {
        if (!/Rule$|Schedule$|StateMachine$/.test(textAt(resource, 'Type'))) continue;
        assert.match(textAt(resource, 'DependsOn'), /^(StartTasksPolicy|StartMachinesPolicy|EventsPolicy)$/, id);
      }
    }
  });
});
