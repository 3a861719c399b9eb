import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDocument } from './simulator/aws/cloudformation/document.ts';
import { resourceOf, stackOf } from './simulator/aws/cloudformation/stack.ts';
import type { Value, ValueMap } from './simulator/aws/cloudformation/value.ts';
import { matches } from './simulator/aws/event-pattern.ts';
import { inputTransformer, transformed } from './simulator/aws/input-transformer.ts';
import { startAws } from './simulator/aws/simulator.ts';

const context = {
  accountId: '111122223333',
  region: 'eu-west-1',
  partition: { id: 'aws', dnsSuffix: 'amazonaws.com' },
};

// A matcher that is laxer than EventBridge's lets a rule pass that never fires.
test('patterns match as EventBridge matches them', () => {
  const event: ValueMap = {
    source: 'aws.ecs',
    detail: {
      group: 'workers-a',
      code: 1,
      tags: ['a', 'b'],
      containers: [
        { name: 'agent', exitCode: 143 },
        { name: 'drainer', exitCode: 0 },
      ],
    },
  };
  const inDetail = (pattern: ValueMap) => matches({ detail: pattern }, event);
  const cases: readonly [pattern: ValueMap, isMatch: boolean][] = [
    [{ group: ['workers-a'] }, true],
    [{ group: ['workers'] }, false],
    [{ group: ['other', { prefix: 'workers-' }] }, true],
    [{ group: [{ suffix: '-b' }] }, false],
    [{ group: [{ 'equals-ignore-case': 'WORKERS-A' }] }, true],
    [{ code: [1] }, true],
    [{ code: ['1'] }, false],
    [{ code: [{ numeric: ['>', 0, '<=', 1] }] }, true],
    [{ code: [{ numeric: ['>', 1] }] }, false],
    [{ code: [{ 'anything-but': [0, 3] }] }, true],
    [{ code: [{ 'anything-but': [1, 3] }] }, false],
    [{ group: [{ 'anything-but': { prefix: 'workers' } }] }, false],
    // What is not there is nothing but absent.
    [{ missing: [{ 'anything-but': [0] }] }, false],
    [{ missing: [{ exists: false }] }, true],
    [{ group: [{ exists: false }] }, false],
    [{ group: [{ exists: true }] }, true],
    [{ tags: ['b'] }, true],
    [{ tags: ['c'] }, false],
    // One and the same member of an array has to match all of it.
    [{ containers: { name: ['drainer'], exitCode: [{ 'anything-but': [0] }] } }, false],
    [{ containers: { name: ['agent'], exitCode: [{ 'anything-but': [0] }] } }, true],
    [{ $or: [{ code: [7] }, { group: ['workers-a'] }] }, true],
    [{ code: [1], $or: [{ code: [7] }, { group: ['x'] }] }, false],
  ];
  for (const [pattern, isMatch] of cases) assert.equal(inDetail(pattern), isMatch, JSON.stringify(pattern));
  assert.ok(!matches({ source: ['aws.ec2'], detail: { code: [1] } }, event));
  assert.throws(() => inDetail({ group: [{ wildcard: '*' }] }), /does not know the operator wildcard/);
  assert.throws(() => inDetail({ group: 'workers-a' }), /lists of values/);
});

// A transformer that mends what EventBridge leaves broken hides that the task would never start.
test('input transformers do to values what EventBridge does', () => {
  const event: Value = { detail: { id: 'i-1', n: 3, list: ['a', 'b'], object: { k: 'v' }, quoted: 'say "hi"' } };
  const paths = {
    id: '$.detail.id',
    n: '$.detail.n',
    first: '$.detail.list[0]',
    list: '$.detail.list',
    object: '$.detail.object',
    quoted: '$.detail.quoted',
    missing: '$.detail.missing',
  };
  const render = (InputTemplate: string) =>
    transformed(inputTransformer({ InputPathsMap: paths, InputTemplate }), event);
  assert.deepEqual(render('{"a": "<id>", "b": <id>, "c": <n>, "d": "n=<n>"}'), {
    a: 'i-1',
    b: 'i-1',
    c: 3,
    d: 'n=3',
  });
  assert.deepEqual(render('{"a": "<first>", "b": <list>, "c": <object>}'), {
    a: 'a',
    b: ['a', 'b'],
    c: { k: 'v' },
  });
  assert.deepEqual(render('{"a": "is <object>"}'), { a: 'is {k:v}' }, 'inner quotes are removed within a string');
  assert.deepEqual(render('{"a": "<missing>"}'), { a: '' }, 'what is absent is nothing');
  assert.equal(render('"Instance <id> goes, \\"<n>\\" left"'), 'Instance i-1 goes, "3" left');
  assert.throws(() => render('{"a": <missing>}'), /not JSON/);
  assert.throws(() => render('{"a": "<quoted>"}'), /not JSON/, 'values are not escaped');
  assert.throws(() => render('{"a": "<unknown>"}'), /<unknown>, which InputPathsMap does not have/);
  assert.throws(() => inputTransformer({ InputPathsMap: { a: 'detail.id' }, InputTemplate: '<a>' }), /no JSON path/);
});

// What the reader takes and CloudFormation does not would be found when the stack is deployed.
test('templates are read as CloudFormation reads them', () => {
  assert.deepEqual(readDocument('a: !Ref X\nb: !GetAtt X.Arn\nc: !Sub "$X"\nd: !If [IsOn, on, "on"]'), {
    a: { Ref: 'X' },
    b: { 'Fn::GetAtt': ['X', 'Arn'] },
    c: { 'Fn::Sub': '$X' },
    d: { 'Fn::If': ['IsOn', true, 'on'] },
  });
  assert.throws(() => readDocument('a: &x 1\nb: *x'), /no YAML aliases/);
  assert.throws(() => readDocument('a: 2012-10-17'), /only in quotes/);
});

const template = `
Parameters:
  Name: { Type: String, Default: '', AllowedPattern: '[a-z]*' }
  Ports: { Type: CommaDelimitedList, Default: '1, 2' }
  Size: { Type: Number, MinValue: 2, MaxValue: 4 }
Rules:
  Sized:
    RuleCondition: !Equals [!Ref Name, big]
    Assertions:
      - { Assert: !Equals [!Ref Size, 4], AssertDescription: big is 4 }
Conditions:
  HasName: !Not [!Equals [!Ref Name, '']]
  IsBoth: !And [!Condition HasName, !Or [!Equals [!Ref Size, 3], !Equals [!Ref Size, 4]]]
Resources:
  Role: { Type: AWS::IAM::Role }
  Group:
    Type: AWS::Logs::LogGroup
    Condition: HasName
    Properties: { LogGroupName: !Ref Name }
  Out:
    Type: Test::Thing
    Properties:
      Arn: !GetAtt Role.Arn
      Joined: !Join ['-', !Ref Ports]
      Second: !Select [1, !Split [',', 'x,y']]
      Subbed: !Sub ['\${AWS::Region}/\${Own}/\${!Kept}', { Own: !Ref Size }]
      Chosen: !If [HasName, !Ref Group, !Ref AWS::NoValue]
      List: [!If [IsBoth, both, !Ref AWS::NoValue], last]
Outputs:
  Size: { Value: !Ref Size }
`;

// An evaluator that guesses would test another stack than the one that is deployed.
test('parameters, rules, conditions and functions come to what CloudFormation makes of them', () => {
  const made = (parameters: Record<string, string>) => stackOf(template, { parameters, context });
  assert.deepEqual(resourceOf(made({ Size: '2' }), 'Out').properties, {
    Arn: 'arn:aws:iam::111122223333:role/node-drainer-Role',
    Joined: '1-2',
    Second: 'y',
    Subbed: 'eu-west-1/2/$' + '{Kept}',
    List: ['last'],
  });
  const named = made({ Name: 'group', Size: '3', Ports: '7' });
  assert.deepEqual(
    ['Chosen', 'List', 'Joined'].map((property) => resourceOf(named, 'Out').properties[property]),
    ['group', ['both', 'last'], '7'],
  );
  assert.deepEqual(named.outputs, { Size: '3' });
  assert.ok(!made({ Size: '2' }).resources.has('Group'));
  for (const [parameters, reason] of [
    [{}, /\[Size\] must have values/],
    [{ Size: '5' }, /Size is too large/],
    [{ Size: 'x' }, /Size must be a number/],
    [{ Size: '2', Name: 'A' }, /Name must match the pattern/],
    [{ Size: '2', Nam: 'a' }, /\[Nam\] do not exist/],
    [{ Size: '2', Name: 'big' }, /big is 4/],
  ] as const) {
    assert.throws(() => made(parameters), reason);
  }
  assert.throws(
    () => stackOf('Resources: { A: { Type: T, Properties: { B: !Ref C } } }', { context }),
    /no resource C/,
  );
});

// A simulator that loses what AWS keeps proves nothing about what is done with it.
test('what a rule cannot deliver is a dead letter, and other rules still get the event', async (t) => {
  const aws = await startAws();
  t.after(() => aws.stop());
  const rule = (template: string) =>
    `{ Type: AWS::Events::Rule, Properties: { EventPattern: { source: [test] }, Targets: [{ Arn: !Ref Topic, InputTransformer: { InputPathsMap: { text: $.detail.text }, InputTemplate: '${template}' } }] } }`;
  aws.deploy(
    `Resources: { Topic: { Type: AWS::SNS::Topic }, Broken: ${rule('{"a": <text>}')}, Whole: ${rule('"<text>!"')} }`,
  );
  aws.putEvent({ source: 'test', detail: {} });
  assert.deepEqual(
    aws.deadLetters.map(({ rule }) => rule),
    ['node-drainer-Broken'],
  );
  assert.deepEqual(
    aws.notifications.map(({ message }) => message),
    ['!'],
  );
});
