import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Value, ValueMap } from '../../simulator/aws/json.ts';
import { awsError } from '../../simulator/aws/protocol/errors.ts';
import { type AwsSimulator, startAws } from '../../simulator/aws/simulator.ts';
import { flowOf } from '../../simulator/aws/stepfunctions/definition.ts';
import type { ExecutionEnd } from '../../simulator/aws/stepfunctions/state-machines.ts';

const RUN_TASK = 'arn:aws:states:::ecs:runTask';
const DESCRIBE_TASKS = 'arn:aws:states:::aws-sdk:ecs:describeTasks';
const TASK = { Cluster: 'shared', TaskDefinition: 'drainer', LaunchType: 'FARGATE', NetworkConfiguration: {} };

/** Deploys one state machine, and a schedule that starts it with `input`. */
async function deployed(context: TestContext, states: ValueMap, options: { input?: Value; timeout?: number } = {}) {
  const aws = await startAws({ region: 'eu-west-1', retryTimeScale: 100 });
  context.after(() => aws.stop());
  const [StartAt = ''] = Object.keys(states);
  const definition = { QueryLanguage: 'JSONata', StartAt, States: states, TimeoutSeconds: options.timeout ?? 290 };
  const template = {
    Resources: {
      Machine: {
        Type: 'AWS::StepFunctions::StateMachine',
        Properties: {
          StateMachineType: 'EXPRESS',
          RoleArn: 'arn:aws:iam::123456789012:role/m',
          Definition: definition,
        },
      },
      Every: {
        Type: 'AWS::Scheduler::Schedule',
        Properties: {
          ScheduleExpression: 'rate(1 minute)',
          FlexibleTimeWindow: { Mode: 'OFF' },
          Target: {
            Arn: { 'Fn::GetAtt': ['Machine', 'Arn'] },
            RoleArn: 'arn:aws:iam::123456789012:role/s',
            Input: JSON.stringify(options.input ?? {}),
          },
        },
      },
    },
  };
  aws.deploy(JSON.stringify(template));
  return { aws, run: () => run(aws) };
}

async function run(aws: AwsSimulator): Promise<ExecutionEnd> {
  const execution = aws.runSchedule('Every');
  assert.ok('ended' in execution, JSON.stringify(execution));
  return execution.ended;
}

async function outputOf(context: TestContext, states: ValueMap, input: Value = {}): Promise<Value> {
  const { run } = await deployed(context, states, { input });
  const end = await run();
  assert.ok(end.status === 'SUCCEEDED', JSON.stringify(end));
  return end.output;
}

describe('state machines', () => {
  // An expression reads a variable that the same state assigns, and the real state machine reads the old value.
  // https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
  test('Assign and Output read the variables as they were before the state', async (context) => {
    const output = await outputOf(context, {
      First: { Type: 'Pass', Assign: { n: 1 }, Next: 'Second' },
      Second: { Type: 'Pass', Assign: { n: '{% $n + 1 %}', m: '{% $n %}' }, Output: '{% $n %}', Next: 'Third' },
      Third: { Type: 'Succeed', Output: { input: '{% $states.input %}', n: '{% $n %}', m: '{% $m %}' } },
    });
    assert.deepEqual(output, { input: 1, n: 2, m: 1 });
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
  test('a Choice takes the first choice that holds, with its variables, and fails without a default', async (context) => {
    const states = {
      Judge: {
        Type: 'Choice',
        Choices: [
          { Condition: '{% $states.input.n > 2 %}', Assign: { what: 'many' }, Next: 'End' },
          { Condition: '{% $states.input.n > 1 %}', Assign: { what: 'some' }, Next: 'End' },
        ],
      },
      End: { Type: 'Succeed', Output: '{% $what %}' },
    };
    assert.equal(await outputOf(context, states, { n: 2 }), 'some');
    const { run } = await deployed(context, states, { input: { n: 0 } });
    const end = await run();
    assert.equal(end.status === 'FAILED' && end.error, 'States.NoChoiceMatched');
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
  test('a Map processes each item, sees the variables outside, and lets none of its own out', async (context) => {
    const output = await outputOf(
      context,
      {
        Begin: { Type: 'Pass', Assign: { suffix: '!' }, Next: 'Each' },
        Each: {
          Type: 'Map',
          Items: '{% $states.input.items %}',
          ItemProcessor: {
            StartAt: 'One',
            States: { One: { Type: 'Pass', Assign: { inner: 1 }, Output: '{% $states.input & $suffix %}', End: true } },
          },
          Assign: { all: '{% $states.result %}' },
          Next: 'End',
        },
        End: { Type: 'Succeed', Output: { all: '{% $all %}', inner: '{% $exists($inner) %}' } },
      },
      { items: ['a', 'b'] },
    );
    assert.deepEqual(output, { all: ['a!', 'b!'], inner: false });
  });

  // An expression that finds nothing gives `undefined`, which JSON cannot express: the real state fails.
  // https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
  test('an expression without a value is a States.QueryEvaluationError', async (context) => {
    const { run } = await deployed(context, { End: { Type: 'Succeed', Output: '{% $states.input.missing %}' } });
    const end = await run();
    assert.equal(end.status === 'FAILED' && end.error, 'States.QueryEvaluationError');
  });

  // A safety net catches States.ALL, and the largest response ends the execution all the same.
  // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
  test('States.ALL catches every error but States.DataLimitExceeded and States.Runtime', async (context) => {
    const catching = (Resource: string, Arguments: ValueMap) => ({
      Call: { Type: 'Task', Resource, Arguments, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }], End: true },
      Caught: { Type: 'Succeed', Output: 'caught' },
    });
    const denied = await deployed(context, catching(DESCRIBE_TASKS, { Cluster: 'c', Tasks: ['a'] }));
    denied.aws.faults.add({ when: ({ path }) => path === 'ecs:DescribeTasks', fault: awsError('ecs', 'AccessDenied') });
    assert.equal((await denied.run()).status, 'SUCCEEDED');
    const tooLarge = await deployed(context, catching(RUN_TASK, { ...TASK, Padding: 'x'.repeat(257 * 1024) }));
    const end = await tooLarge.run();
    assert.equal(end.status === 'FAILED' && end.error, 'States.DataLimitExceeded');
    const unknown = await deployed(context, catching('arn:aws:states:::aws-sdk:ec2:describeVpcs', {}));
    const other = await unknown.run();
    assert.equal(other.status === 'FAILED' && other.error, 'States.Runtime');
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-retrying-after-an-error
  test('Retry calls again, at most MaxAttempts times, before Catch', async (context) => {
    const { aws, run } = await deployed(context, {
      Call: {
        Type: 'Task',
        Resource: DESCRIBE_TASKS,
        Arguments: { Cluster: 'c', Tasks: ['0123456789abcdef'] },
        Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 5, MaxAttempts: 2 }],
        Catch: [{ ErrorEquals: ['States.ALL'], Output: '{% $states.errorOutput.Error %}', Next: 'Caught' }],
        End: true,
      },
      Caught: { Type: 'Succeed' },
    });
    const rule = aws.faults.add({
      when: ({ path }) => path === 'ecs:DescribeTasks',
      times: 2,
      fault: { kind: 'throttle' },
    });
    const end = await run();
    assert.ok(end.status === 'SUCCEEDED' && end.output !== 'Ecs.ThrottlingException');
    assert.equal(rule.hits(), 2);
    aws.faults.add({ when: ({ path }) => path === 'ecs:DescribeTasks', fault: { kind: 'throttle' } });
    const failed = await run();
    assert.deepEqual(failed.status === 'SUCCEEDED' && failed.output, 'Ecs.ThrottlingException');
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
  test('a call without an answer ends with States.Timeout after TimeoutSeconds', async (context) => {
    const { aws, run } = await deployed(context, {
      Call: { Type: 'Task', Resource: DESCRIBE_TASKS, Arguments: { Tasks: ['a'] }, TimeoutSeconds: 20, End: true },
    });
    aws.faults.add({ when: ({ path }) => path === 'ecs:DescribeTasks', fault: { kind: 'hang' } });
    const end = await run();
    assert.deepEqual(end.status === 'FAILED' && end.error, 'States.Timeout');
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
  test('an execution that takes too long is TIMED_OUT, and no Catch catches that', async (context) => {
    const { run } = await deployed(context, { Long: { Type: 'Wait', Seconds: 400, End: true } }, { timeout: 30 });
    assert.equal((await run()).status, 'TIMED_OUT');
  });

  // RunTask answers 200 with failures, and the state machine believes that a task started.
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
  test('ecs:runTask returns Failures without an error, and reports a refused call as ECS.AmazonECSException', async (context) => {
    const { aws, run } = await deployed(context, {
      Run: {
        Type: 'Task',
        Resource: RUN_TASK,
        Arguments: TASK,
        Output: '{% $count($states.result.Failures) %}',
        End: true,
      },
    });
    aws.refuseTasks({ reason: 'Capacity is unavailable at this time' }, { times: 1 });
    const refused = await run();
    assert.equal(refused.status === 'SUCCEEDED' && refused.output, 1);
    assert.equal(aws.tasks.length, 0);
    const placed = await run();
    assert.equal(placed.status === 'SUCCEEDED' && placed.output, 0);
    assert.equal(aws.tasks.length, 1);
    aws.limitRunTask({ perSecond: 0, burst: 0 });
    const throttled = await run();
    assert.equal(throttled.status === 'FAILED' && throttled.error, 'ECS.AmazonECSException');
  });

  // CreateStateMachine refuses the definition, and the stack fails.
  // https://states-language.net/spec.html
  test('an invalid definition is refused', () => {
    const machine = (states: ValueMap) => flowOf({ QueryLanguage: 'JSONata', StartAt: 'A', States: states });
    const end = { Type: 'Succeed' };
    assert.throws(() => machine({ A: { Type: 'Pass', Next: 'B' } }), /no state B/);
    assert.throws(() => machine({ A: end, B: end }), /not reachable/);
    assert.throws(() => machine({ A: { Type: 'Pass' } }), /Next or End/);
    assert.throws(() => machine({ A: { Type: 'Succeed', Next: 'A' } }), /no field Next/);
    assert.throws(() => machine({ A: { Type: 'Succeed', Output: '{% 1 + %}' } }));
  });
});
