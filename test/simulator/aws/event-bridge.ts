import { resourceOf, type Stack } from './cloudformation/stack.ts';
import { at, isMap, listAt, mapAt, textAt, type Value, type ValueMap } from './cloudformation/value.ts';
import { matches } from './event-pattern.ts';
import { type InputTransformer, inputTransformer, transformed } from './input-transformer.ts';
import { taskRequest } from './run-task.ts';
import { taskEvent } from './task-event.ts';
import type { Tasks } from './tasks.ts';

type Target = { readonly arn: string; readonly properties: ValueMap; readonly transformer: InputTransformer };
type Rule = { readonly name: string; readonly pattern: ValueMap; readonly targets: readonly Target[] };

/** An event that could not be delivered, as the dead-letter queue gets it. */
export type DeadLetter = { readonly rule: string; readonly event: ValueMap; readonly reason: string };
export type Notification = { readonly topicArn: string; readonly message: string };

/**
 * EventBridge's default bus, as far as stacks use it: rules on events, whose targets are ECS tasks and SNS topics.
 * It delivers each event once, at once and without a retry: what it cannot deliver is a dead letter.
 */
export class EventBridge {
  readonly deadLetters: DeadLetter[] = [];
  readonly notifications: Notification[] = [];
  readonly #rules: Rule[] = [];
  readonly #tasks: Tasks;

  constructor(tasks: Tasks, account: { accountId: string; region: string }) {
    this.#tasks = tasks;
    tasks.onStopped((task) => this.deliver(taskEvent(task, account)));
  }

  /** The rules of a stack, and the task definitions that they run. */
  deploy(stack: Stack): void {
    for (const [id, { type, properties }] of stack.resources) {
      if (type === 'AWS::ECS::TaskDefinition') this.#tasks.define(definitionOf(properties));
      if (type === 'AWS::Events::Rule')
        this.#rules.push(ruleOf(`${stack.name}-${id}`, resourceOf(stack, id).properties));
    }
  }

  deliver(event: ValueMap): void {
    for (const { name, pattern, targets } of this.#rules) {
      if (!matches(pattern, event)) continue;
      for (const target of targets) {
        try {
          this.#invoke(name, target, event);
        } catch (error) {
          this.deadLetters.push({ rule: name, event, reason: error instanceof Error ? error.message : String(error) });
        }
      }
    }
  }

  #invoke(rule: string, { arn, properties, transformer }: Target, event: ValueMap): void {
    const input = transformed(transformer, event);
    if (arn.split(':')[2] === 'sns') {
      this.notifications.push({ topicArn: arn, message: typeof input === 'string' ? input : JSON.stringify(input) });
      return;
    }
    const answer = this.#tasks.start(taskRequest(runTaskInput(rule, arn, mapAt(properties, 'EcsParameters'), input)));
    if ('reason' in answer) throw new Error(answer.reason);
  }
}

function ruleOf(name: string, properties: ValueMap): Rule {
  const targets = listAt(properties, 'Targets').map((target) => ({
    arn: textAt(target, 'Arn'),
    properties: isMap(target) ? target : {},
    transformer: inputTransformer(mapAt(target, 'InputTransformer')),
  }));
  return { name, pattern: mapAt(properties, 'EventPattern'), targets };
}

/** The RunTask call that EventBridge makes for a target. */
function runTaskInput(rule: string, cluster: string, parameters: ValueMap, overrides: Value): ValueMap {
  const network = mapAt(parameters, 'NetworkConfiguration', 'AwsVpcConfiguration');
  return {
    cluster,
    taskDefinition: textAt(parameters, 'TaskDefinitionArn'),
    launchType: textAt(parameters, 'LaunchType'),
    startedBy: `events-rule/${rule}`.slice(0, 36),
    overrides,
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: at(network, 'Subnets') ?? [],
        securityGroups: at(network, 'SecurityGroups') ?? [],
        assignPublicIp: at(network, 'AssignPublicIp') ?? 'DISABLED',
      },
    },
  };
}

/** What a task definition gives its container. */
function definitionOf(properties: ValueMap) {
  const container = at(properties, 'ContainerDefinitions', 0);
  const pairs = listAt(container, 'Environment').map((pair) => [textAt(pair, 'Name'), textAt(pair, 'Value')] as const);
  return {
    family: textAt(properties, 'Family'),
    containerName: textAt(container, 'Name'),
    command: listAt(container, 'Command').map(String),
    environment: Object.fromEntries(pairs),
  };
}
