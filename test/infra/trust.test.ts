import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, mapAt } from '../simulator/aws/json.ts';
import { rolesOf, statementOf } from './policies.ts';
import { drainer } from './templates.ts';

describe('trust policies and queue policies', () => {
  // Another account's rule or task assumes the role (confused deputy).
  test('each role trusts one service, and only for this account', () => {
    const trusts = (role: string) =>
      listAt(resourceOf(drainer(), role).properties, 'AssumeRolePolicyDocument', 'Statement').map((statement) => [
        at(statement, 'Principal'),
        mapAt(statement, 'Condition'),
      ]);
    const StringEquals = { 'aws:SourceAccount': '111122223333' };
    const tasks = [
      { Service: 'ecs-tasks.amazonaws.com' },
      { StringEquals, ArnLike: { 'aws:SourceArn': 'arn:aws:ecs:eu-west-1:111122223333:*' } },
    ];
    assert.deepEqual(trusts('TaskRole'), [tasks]);
    assert.deepEqual(trusts('ExecutionRole'), [tasks]);
    assert.deepEqual(trusts('EventsRole'), [[{ Service: 'events.amazonaws.com' }, { StringEquals }]]);
    assert.deepEqual(trusts('SchedulerRole'), [[{ Service: 'scheduler.amazonaws.com' }, { StringEquals }]]);
    assert.equal(rolesOf(drainer()).length, 4, 'this test knows every role');
  });

  // Rules of other accounts fill the queue, and operators mute its alarm.
  test('only the rule may send messages to the dead-letter queue, which has SQS-managed encryption', () => {
    const stack = drainer();
    const queue = resourceOf(stack, 'DeadLetterQueue').properties;
    assert.equal(at(queue, 'SqsManagedSseEnabled'), true);
    assert.equal(at(queue, 'KmsMasterKeyId'), undefined, 'EventBridge may not use the key of the account');
    const [statement, ...others] = listAt(
      resourceOf(stack, 'DeadLetterQueuePolicy').properties,
      'PolicyDocument',
      'Statement',
    );
    assert.ok(statement !== undefined && others.length === 0);
    assert.deepEqual(at(statement, 'Principal'), { Service: 'events.amazonaws.com' });
    const { actions, condition } = statementOf(statement);
    assert.deepEqual(actions, ['sqs:SendMessage']);
    assert.deepEqual(condition, {
      ArnEquals: { 'aws:SourceArn': 'arn:aws:events:eu-west-1:111122223333:rule/node-drainer-TerminationRule' },
    });
  });

  // Other principals can send to it; or the Scheduler, which sends with its role, may not use the account's KMS key.
  test('the dead-letter queue of the sweeps has no policy, and has SQS-managed encryption', () => {
    const stack = drainer();
    assert.deepEqual(resourceOf(stack, 'SweepDeadLetterQueue').properties, {
      MessageRetentionPeriod: 86400,
      SqsManagedSseEnabled: true,
    });
    const policies = [...stack.resources.values()].filter(({ type }) => type === 'AWS::SQS::QueuePolicy');
    assert.equal(policies.length, 1);
  });
});
