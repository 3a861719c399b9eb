import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { at, listAt, mapAt, textAt } from '../simulator/aws/json.ts';
import { allowing, rolesOf, statementOf } from './policies.ts';
import { drainer, EKS, importing } from './templates.ts';

describe('trust policies and queue policies', () => {
  // Another account's rule or task assumes the role (confused deputy).
  test('each role trusts the services that use it, and only for this account', () => {
    const trusts = (role: string) =>
      listAt(resourceOf(drainer(), role).properties, 'AssumeRolePolicyDocument', 'Statement').map((statement) => [
        at(statement, 'Principal'),
        mapAt(statement, 'Condition'),
      ]);
    const StringEquals = { 'aws:SourceAccount': '111122223333' };
    const tasks = [{ Service: 'ecs-tasks.amazonaws.com' }, { StringEquals }];
    assert.deepEqual(trusts('TaskRole'), [tasks]);
    assert.deepEqual(trusts('ExecutionRole'), [tasks]);
    const Service = ['events.amazonaws.com', 'scheduler.amazonaws.com', 'states.amazonaws.com'];
    assert.deepEqual(trusts('StartRole'), [[{ Service }, { StringEquals }]]);
    assert.equal(rolesOf(drainer()).length, 3, 'this test knows every role');
  });

  // An account with a permissions boundary for all roles refuses the stack; or roles land outside of their path.
  test('every role has the permissions boundary and the path of the parameters', () => {
    const PermissionsBoundaryArn = 'arn:aws:iam::111122223333:policy/boundary';
    const parameters = { PermissionsBoundaryArn, RolePath: '/platform/' };
    const events = importing('ec2-events', { ...parameters, SpotInterruptions: 'drain' });
    for (const stack of [drainer({ ...EKS, ...parameters }), events]) {
      for (const role of rolesOf(stack)) {
        const { properties } = resourceOf(stack, role);
        assert.equal(at(properties, 'PermissionsBoundary'), PermissionsBoundaryArn, role);
        assert.equal(at(properties, 'Path'), '/platform/', role);
      }
    }
    assert.equal(at(resourceOf(drainer(), 'TaskRole').properties, 'PermissionsBoundary'), undefined);
  });

  // Rules of other accounts fill the queue, and operators mute its alarm.
  test('only rules of this account may send messages to the dead-letter queue, which is encrypted', () => {
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
    assert.deepEqual(condition, { ArnLike: { 'aws:SourceArn': 'arn:aws:events:eu-west-1:111122223333:rule/*' } });
    // Each rule that sends to it, also those of ec2-events.yaml.
    const events = importing('ec2-events', { SpotInterruptions: 'drain', StoppedInstances: 'drain' });
    for (const { resources } of [stack, events]) {
      for (const [id, { type, properties }] of resources) {
        if (type !== 'AWS::Events::Rule') continue;
        const [target] = listAt(properties, 'Targets');
        assert.equal(textAt(target, 'DeadLetterConfig', 'Arn'), stack.outputs['DeadLetterQueueArn'], id);
      }
    }
  });

  // The key of the organisation is required, and the state machine cannot say why it started no task.
  test('with a key of its own, the queue uses it, and so may the role that sends dead letters', () => {
    const QueuesKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const stack = drainer({ ...EKS, QueuesKeyArn });
    const { properties } = resourceOf(stack, 'DeadLetterQueue');
    assert.deepEqual(
      [at(properties, 'SqsManagedSseEnabled'), at(properties, 'KmsMasterKeyId')],
      [undefined, QueuesKeyArn],
    );
    assert.deepEqual(allowing(stack, 'StartRole', 'kms:GenerateDataKey').resources, [QueuesKeyArn]);
  });
});
