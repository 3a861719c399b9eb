import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../app/config/cli.ts';
import { readConfig } from '../../app/config/drain-config.ts';
import { ConfigErrors, configErrorText } from '../../app/config/setting-values.ts';
import { EKS, templateText } from '../infra/templates.ts';
import type { LaunchedTask } from '../simulator/aws/ecs/task.ts';
import { isMap, type Value, type ValueMap } from '../simulator/aws/json.ts';
import { startAws } from '../simulator/aws/simulator.ts';
import type { Seeded } from '../support/seeded.ts';
import { type CaseResult, fuzz, SECRET, sizeOf } from './fuzz.ts';
import { mutatedText, mutatedValue } from './mutate.ts';

const DETAIL = {
  LifecycleActionToken: '87654321-4321-4321-4321-210987654321',
  AutoScalingGroupName: 'workers',
  LifecycleHookName: 'node-drainer',
  EC2InstanceId: 'i-0123456789abcdef0',
  LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
  NotificationMetadata: SECRET,
  Origin: 'AutoScalingGroup',
  Destination: 'EC2',
};

/** Values that break out of the quotes in the input template: EventBridge does not escape them. */
const BREAKOUTS = [
  '" }, { "name": "ON_FAILURE", "value": "continue',
  '", "name": "CLUSTER_NAME", "value": "theirs',
  '" } ] }, { "name": "drainer", "command": ["help"], "environment": [ { "name": "X", "value": "',
  '\\',
  '\\u0022',
  '"',
];

/** A lifecycle event with one unexpected value, which mostly still matches the rule. */
function randomEvent(random: Seeded): ValueMap {
  const names = Object.keys(DETAIL);
  const name = names[random.whole(names.length)] ?? '';
  const [breakout = '', ...others] = BREAKOUTS;
  const good: Readonly<Record<string, unknown>> = DETAIL;
  const value = random.pick<unknown>(
    good[name],
    undefined,
    mutatedText(random, String(good[name])),
    `${String(good[name])}${random.pick(breakout, ...others)}`,
    mutatedValue(random, { [name]: good[name] }),
  );
  const detail = { ...good, [name]: value };
  const event = { source: 'aws.autoscaling', 'detail-type': 'EC2 Instance-terminate Lifecycle Action', detail };
  const made: Value = JSON.parse(JSON.stringify(random.chance(0.1) ? mutatedValue(random, event) : event));
  return isMap(made) ? made : {};
}

function judge(task: LaunchedTask | undefined): CaseResult {
  if (task === undefined)
    return { refusal: 'no rule matches the event, or its input is not JSON: it goes to the dead-letter queue' };
  const line = readCommandLine(task.command ?? ['drain']);
  assert.equal(line.command, 'drain', 'an event chose the command');
  if (line.command !== 'drain') return { used: true };
  try {
    const { target, cluster } = readConfig({ AWS_REGION: 'eu-west-1', ...task.environment }, line.flags, line.errors);
    assert.equal(target.kind, 'instance');
    assert.equal(cluster.kind, 'eks');
    return { used: true };
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    return { refusal: configErrorText(error) };
  }
}

// The event is input that no operator checks: an unexpected value in it crashes the task, or changes its configuration.
test('any event gives its task a valid configuration, or configuration errors', async (t) => {
  const aws = await startAws({ region: 'eu-west-1' });
  t.after(() => aws.stop());
  aws.deploy(templateText('drainer'), EKS);
  let launched: LaunchedTask | undefined;
  aws.onRunTask((task) => {
    launched = task;
  });
  const size = sizeOf(300);
  const { used, refused } = await fuzz(size, randomEvent, (event) => {
    launched = undefined;
    aws.putEvent(event);
    return judge(launched);
  });
  if (size.cases >= 300) assert.ok(used > 50 && refused > 50, `${used} used, ${refused} refused`);
});
