import type { Stack } from '../cloudformation/stack.ts';
import type { Context } from '../context.ts';
import { at, mapAt, type Value, type ValueMap } from '../json.ts';
import { type AfterRefusal, type DeadLetter, EventDelivery, TaskRefused } from './delivery.ts';
import { runTaskInput, type TaskInvoker } from './ecs-target.ts';
import { type EventFaults, EventTransport } from './event-faults.ts';
import { matches } from './event-pattern.ts';
import { transform } from './input-transformer.ts';
import { type Rule, rulesOf, type Target } from './rule.ts';
import type { StateMachineInvoker } from './state-machine-target.ts';

export type { DeadLetter };
export type Notification = { readonly topicArn: string; readonly message: string };

/** The default event bus of EventBridge: rules with ECS tasks, state machines and SNS topics as targets. */
export class EventBridge {
  readonly notifications: Notification[] = [];
  readonly #invoker: TaskInvoker;
  readonly #stateMachines: StateMachineInvoker;
  readonly #rules: Rule[] = [];
  readonly #transport: EventTransport;
  readonly #delivery: EventDelivery;

  constructor(invoker: TaskInvoker, stateMachines: StateMachineInvoker, context: Context, afterRefusal: AfterRefusal) {
    this.#invoker = invoker;
    this.#stateMachines = stateMachines;
    this.#transport = new EventTransport(context.timers);
    this.#delivery = new EventDelivery(context, afterRefusal);
  }

  get deadLetters(): readonly DeadLetter[] {
    return this.#delivery.deadLetters;
  }

  /** The number of events in transit or waiting for a retry. */
  get waiting(): number {
    return this.#transport.waiting + this.#delivery.waiting;
  }

  deploy(stack: Stack): void {
    this.#rules.push(...rulesOf(stack));
  }

  inject(faults: EventFaults): { end(): void } {
    return this.#transport.inject(faults);
  }

  /** Puts an event on the bus. Without faults, invokes its targets before it returns. */
  deliver(event: ValueMap): void {
    this.#transport.deliver(event, (arrived) => this.#match(arrived));
  }

  #match(event: ValueMap): void {
    for (const { name, pattern, targets } of this.#rules) {
      if (!matches(pattern, event)) continue;
      for (const target of targets) {
        this.#delivery.deliver(name, target, event, () => this.#invoke(name, target, event));
      }
    }
  }

  #invoke(rule: string, { arn, properties, transformer }: Target, event: ValueMap): void {
    const input = inputOf({ properties, transformer }, event);
    if (arn.split(':')[2] === 'states') {
      this.#stateMachines.invoke(arn, input, 'events.amazonaws.com');
      return;
    }
    if (arn.split(':')[2] === 'sns') {
      this.notifications.push({ topicArn: arn, message: typeof input === 'string' ? input : JSON.stringify(input) });
      return;
    }
    const parameters = mapAt(properties, 'EcsParameters');
    const call = runTaskInput({ cluster: arn, parameters, startedBy: `events-rule/${rule}`, overrides: input });
    const result = this.#invoker.invoke(call, 'events.amazonaws.com');
    if ('reason' in result) throw new TaskRefused(result);
  }
}

/** The constant input of the target, the transformed event, or the event itself. */
function inputOf({ properties, transformer }: Pick<Target, 'properties' | 'transformer'>, event: ValueMap): Value {
  const constant = at(properties, 'Input');
  if (constant !== undefined) return JSON.parse(String(constant));
  return transformer === undefined ? event : transform(transformer, event);
}
