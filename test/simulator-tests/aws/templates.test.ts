import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceOf, stackOf } from '../../simulator/aws/cloudformation/stack.ts';
import { parseTemplate } from '../../simulator/aws/cloudformation/template.ts';

const context = {
  accountId: '111122223333',
  region: 'eu-west-1',
  partition: { id: 'aws', dnsSuffix: 'amazonaws.com' },
};

// An invalid template that the parser accepts is found only at deployment.
test('templates are parsed like CloudFormation parses them', () => {
  assert.deepEqual(parseTemplate('a: !Ref X\nb: !GetAtt X.Arn\nc: !Sub "$X"\nd: !If [IsOn, on, "on"]'), {
    a: { Ref: 'X' },
    b: { 'Fn::GetAtt': ['X', 'Arn'] },
    c: { 'Fn::Sub': '$X' },
    d: { 'Fn::If': ['IsOn', true, 'on'] },
  });
  assert.throws(() => parseTemplate('a: &x 1\nb: *x'), /does not support YAML aliases/);
  assert.throws(() => parseTemplate('a: 2012-10-17'), /only in quotes/);
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

// A wrong evaluation would test a different stack than the deployed one.
test('parameters, rules, conditions and functions evaluate like in CloudFormation', () => {
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
