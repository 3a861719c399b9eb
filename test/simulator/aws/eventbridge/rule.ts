import { resourceOf, type Stack } from '../cloudformation/stack.ts';
import { at, isMap, listAt, mapAt, textAt, type ValueMap } from '../json.ts';
import { type InputTransformer, inputTransformer } from './input-transformer.ts';

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html */
export type RetryPolicy = { readonly maximumAgeMs: number; readonly maximumRetries: number };

export type Target = {
  readonly arn: string;
  readonly properties: ValueMap;
  /** Without one, the target gets the event. */
  readonly transformer: InputTransformer | undefined;
  readonly retryPolicy: RetryPolicy;
  /** The ARN of the dead-letter queue. Without one, AWS drops events that it cannot deliver. */
  readonly deadLetterQueue: string | undefined;
};

/** A rule on the default event bus. */
export type Rule = { readonly name: string; readonly pattern: ValueMap; readonly targets: readonly Target[] };

/** The enabled rules of a stack. */
export function rulesOf(stack: Stack): Rule[] {
  const ids = [...stack.resources].filter(([, { type }]) => type === 'AWS::Events::Rule').map(([id]) => id);
  return ids
    .map((id) => ({ id, properties: resourceOf(stack, id).properties }))
    .filter(({ properties }) => (at(properties, 'State') ?? 'ENABLED') !== 'DISABLED')
    .map(({ id, properties }) => ruleOf(`${stack.name}-${id}`, properties));
}

function ruleOf(name: string, properties: ValueMap): Rule {
  const targets = listAt(properties, 'Targets').map((target) => ({
    arn: textAt(target, 'Arn'),
    properties: isMap(target) ? target : {},
    transformer:
      at(target, 'InputTransformer') === undefined ? undefined : inputTransformer(mapAt(target, 'InputTransformer')),
    retryPolicy: retryPolicyOf(mapAt(target, 'RetryPolicy')),
    deadLetterQueue: optionalText(mapAt(target, 'DeadLetterConfig'), 'Arn'),
  }));
  return { name, pattern: mapAt(properties, 'EventPattern'), targets };
}

function optionalText(properties: ValueMap, name: string): string | undefined {
  return at(properties, name) === undefined ? undefined : textAt(properties, name);
}

function retryPolicyOf(properties: ValueMap): RetryPolicy {
  const integer = (name: string, max: number, min: number): number => {
    const value = Number(at(properties, name) ?? max);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new Error(`${name} must be an integer from ${min} to ${max}, got ${value}`);
  };
  return {
    maximumAgeMs: integer('MaximumEventAgeInSeconds', 86_400, 60) * 1000,
    maximumRetries: integer('MaximumRetryAttempts', 185, 0),
  };
}
