import type { TestContext } from 'node:test';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import type { ValueMap } from '../../simulator/aws/json.ts';
import type { AwsSimulator } from '../../simulator/aws/simulator.ts';
import { clientOptions, hook, id, seed, started } from './account.ts';
import { fakeClock } from './fake-clock.ts';

/** An instance in a group with a hook, and a clock that timers follow. */
export async function instanceWithClock(t: TestContext, options: Parameters<typeof seed>[1] = {}) {
  const clock = fakeClock();
  const aws = await started(t, { now: clock.now, timers: clock.timers });
  seed(aws, options);
  return { aws, clock };
}

export async function complete(aws: AwsSimulator, result: 'CONTINUE' | 'ABANDON', more: object = {}): Promise<void> {
  const client = new AutoScalingClient({ ...clientOptions(aws), maxAttempts: 2 });
  const action = { ...hook, InstanceId: id, LifecycleActionResult: result, ...more };
  await client.send(new CompleteLifecycleActionCommand(action)).finally(() => client.destroy());
}

/** Every event that reaches the bus from now on. */
export function eventsOf(aws: AwsSimulator): ValueMap[] {
  const events: ValueMap[] = [];
  aws.alterEvents((event) => {
    events.push(event);
    return event;
  });
  return events;
}

/** The type of an event, with some of its detail. */
export function summaryOf(event: ValueMap, ...fields: readonly string[]): unknown[] {
  const detail = new Map(Object.entries(event['detail'] ?? {}));
  return [event['detail-type'], ...fields.map((field) => detail.get(field))];
}
