import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAws } from '../simulator/aws/simulator.ts';

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
