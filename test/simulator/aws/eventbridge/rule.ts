import { resourceOf, type Stack } from '../cloudformation/stack.ts';
import { at, isMap, listAt, mapAt, textAt, type ValueMap } from '../json.ts';
import { type InputTransformer, inputTransformer } from './input-transformer.ts';

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html */
export type RetryPolicy = { readonly maximumAgeMs: number; readonly maximumRetries: number };

export type Target = {
  readonly arn: string;
  readonly properties: ValueMap;
  readonly transformer: InputTransformer;
  readonly retryPolicy: RetryPolicy;
  /** The ARN of the queue for dead letters; without one, AWS drops what it cannot deliver. */
  readonly deadLetterQueue: string | undefined;
};

/** A rule on the default event bus. */
export type Rule = { readonly name: string; readonly pattern: ValueMap; readonly targets: readonly Target[] };

/** The rules of a stack that are enabled. */
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
    transformer: inputTransformer(mapAt(target, 'InputTransformer')),
    retryPolicy: retryPolicyOf(mapAt(target, 'RetryPolicy')),
    deadLetterQueue: optionalText(mapAt(target, 'DeadLetterConfig'), 'Arn'),
  }));
  return { name, pattern: mapAt(properties, 'EventPattern'), targets };
}

function optionalText(properties: ValueMap, name: string): string | undefined {
  return at(properties, name) === undefined ? undefined : textAt(properties, name);
}

function retryPolicyOf(properties: ValueMap): RetryPolicy {
  const whole = (name: string, fallback: number, least: number): number => {
    const value = Number(at(properties, name) ?? fallback);
    if (Number.isInteger(value) && value >= least && value <= fallback) return value;
    throw new Error(`${name} must be a whole number from ${least} to ${fallback}, not ${value}`);
  };
  return {
    maximumAgeMs: whole('MaximumEventAgeInSeconds', 86_400, 60) * 1000,
    maximumRetries: whole('MaximumRetryAttempts', 185, 0),
  };
}
