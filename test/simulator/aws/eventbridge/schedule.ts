import type { Stack } from '../cloudformation/stack.ts';
import { at, isMap, mapAt, textAt, type Value, type ValueMap } from '../json.ts';

/** A schedule of EventBridge Scheduler whose target is an ECS task or a state machine. */
export type Schedule = {
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly everyMs: number;
  readonly isEnabled: boolean;
  readonly target: ValueMap;
};

type Account = { readonly accountId: string; readonly region: string; readonly partition: { readonly id: string } };

const units: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * The schedules of a stack.
 * @throws Error when CreateSchedule would refuse a schedule, or the simulator does not support it
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-scheduler-schedule.html
 */
export function schedulesOf(stack: Stack, account: Account): Schedule[] {
  return [...stack.resources].flatMap(([id, { type, properties }]): Schedule[] => {
    if (type !== 'AWS::Scheduler::Schedule') return [];
    const target = mapAt(properties, 'Target');
    const name = String(at(properties, 'Name') ?? `${stack.name}-${id}`);
    const group = String(at(properties, 'GroupName') ?? 'default');
    textAt(properties, 'FlexibleTimeWindow', 'Mode');
    textAt(target, 'RoleArn');
    const service = textAt(target, 'Arn').split(':')[2];
    if (service !== 'ecs' && service !== 'states')
      throw new Error(`${id}: the simulator supports no ${service} targets`);
    if (service === 'ecs') textAt(target, 'EcsParameters', 'TaskDefinitionArn');
    return [
      {
        id,
        name,
        arn: `arn:${account.partition.id}:scheduler:${account.region}:${account.accountId}:schedule/${group}/${name}`,
        everyMs: periodOf(textAt(properties, 'ScheduleExpression')),
        isEnabled: (at(properties, 'State') ?? 'ENABLED') === 'ENABLED',
        target,
      },
    ];
  });
}

/** `rate(5 minutes)` in milliseconds. */
function periodOf(expression: string): number {
  const [, value = '', unit = ''] = /^rate\(([1-9]\d*) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const ms = units[unit];
  if (ms === undefined) throw new Error(`${expression} is not a rate(…) of EventBridge Scheduler`);
  return Number(value) * ms;
}

/** The values of the context attributes of one invocation. */
export type Invocation = { readonly scheduledAt: number; readonly executionId: string };

/**
 * The input of one invocation, with its context attributes replaced.
 * @throws Error when the result is not a JSON object
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
 */
export function inputOf({ arn, target }: Schedule, { scheduledAt, executionId }: Invocation): ValueMap {
  const attributes: Readonly<Record<string, string>> = {
    'schedule-arn': arn,
    // EventBridge Scheduler writes times in whole seconds.
    'scheduled-time': new Date(scheduledAt).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    'execution-id': executionId,
    'attempt-number': '1',
  };
  const text = String(at(target, 'Input') ?? '{}').replaceAll(
    /<aws\.scheduler\.([a-z-]+)>/g,
    (keyword, name: string) => attributes[name] ?? keyword,
  );
  const value = parseJson(text, arn);
  if (!isMap(value)) throw new Error(`the input of ${arn} is not a JSON object: ${text}`);
  return value;
}

function parseJson(text: string, arn: string): Value {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`the input of ${arn} is not JSON: ${text}`, { cause });
  }
}
