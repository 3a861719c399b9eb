import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, textAt } from '../simulator/aws/json.ts';
import { actionsOf, allowing } from './policies.ts';
import { drainer, VARIANTS } from './templates.ts';

describe('permissions to start tasks', () => {
  for (const [what, parameters] of VARIANTS) {
    const stack = drainer(parameters);
    const target = listAt(resourceOf(stack, 'TerminationRule').properties, 'Targets')[0];
    const cluster = textAt(target, 'Arn');
    const starters = ['EventsRole', 'TaskRole', ...(stack.resources.has('SchedulerRole') ? ['SchedulerRole'] : [])];

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
      assert.deepEqual(describe.resources, [`${cluster.replace(':cluster/', ':task/')}/*`]);
    });
  }

  // The roles of EventBridge and the Scheduler accumulate permissions.
  test('the roles of EventBridge and the Scheduler may only start tasks', () => {
    const start = ['ecs:RunTask', 'ecs:TagResource', 'iam:PassRole'];
    assert.deepEqual(actionsOf(drainer(), 'EventsRole'), start);
    assert.deepEqual(actionsOf(drainer(), 'SchedulerRole'), [...start, 'sqs:SendMessage']);
    assert.deepEqual(allowing(drainer(), 'SchedulerRole', 'sqs:SendMessage').resources, [
      'arn:aws:sqs:eu-west-1:111122223333:node-drainer-SweepDeadLetterQueue',
    ]);
    // TagResource is needed only because tags are propagated.
    const [rule] = listAt(resourceOf(drainer(), 'TerminationRule').properties, 'Targets');
    const schedule = at(resourceOf(drainer(), 'SweepSchedule').properties, 'Target');
    for (const target of [rule, schedule])
      assert.equal(at(target, 'EcsParameters', 'PropagateTags'), 'TASK_DEFINITION');
  });
});
