import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, textAt } from '../simulator/aws/json.ts';
import { actionsOf, allowing } from './policies.ts';
import { drainer, VARIANTS } from './templates.ts';

describe('who may start tasks', () => {
  for (const [what, parameters] of VARIANTS) {
    const stack = drainer(parameters);
    const target = listAt(resourceOf(stack, 'TerminationRule').properties, 'Targets')[0];
    const cluster = textAt(target, 'Arn');
    const starters = ['EventsRole', 'TaskRole', ...(stack.resources.has('SchedulerRole') ? ['SchedulerRole'] : [])];

    for (const role of starters) {
      // No task starts, which shows as a dead letter; or whoever has the role runs anything with any role.
      test(`${role} may start tasks of this family in this cluster, with their two roles: ${what}`, () => {
        const definition = resourceOf(stack, 'TaskDefinition').properties;
        const run = allowing(stack, role, 'ecs:RunTask');
        const family = textAt(target, 'EcsParameters', 'TaskDefinitionArn').replace(/:\d+$/, '');
        // The drainer asks for the family, which is the latest revision.
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

    // The environment of every task of the account, with what others keep there, is open to it.
    test(`the drainer sees the tasks of its ECS cluster only: ${what}`, () => {
      const condition = { ArnEquals: { 'ecs:cluster': cluster } };
      assert.deepEqual(allowing(stack, 'TaskRole', 'ecs:ListTasks').condition, condition);
      const describe = allowing(stack, 'TaskRole', 'ecs:DescribeTasks');
      assert.deepEqual(describe.condition, condition);
      assert.deepEqual(describe.resources, [`${cluster.replace(':cluster/', ':task/')}/*`]);
    });
  }

  // The roles of services, which nobody looks at, grow.
  test('who only starts tasks may do nothing else', () => {
    const start = ['ecs:RunTask', 'ecs:TagResource', 'iam:PassRole'];
    assert.deepEqual(actionsOf(drainer(), 'EventsRole'), start);
    assert.deepEqual(actionsOf(drainer(), 'SchedulerRole'), [...start, 'sqs:SendMessage']);
    assert.deepEqual(allowing(drainer(), 'SchedulerRole', 'sqs:SendMessage').resources, [
      'arn:aws:sqs:eu-west-1:111122223333:node-drainer-SweepDeadLetterQueue',
    ]);
    // TagResource is allowed only because tags are propagated.
    const [rule] = listAt(resourceOf(drainer(), 'TerminationRule').properties, 'Targets');
    const schedule = at(resourceOf(drainer(), 'SweepSchedule').properties, 'Target');
    for (const target of [rule, schedule])
      assert.equal(at(target, 'EcsParameters', 'PropagateTags'), 'TASK_DEFINITION');
  });
});
