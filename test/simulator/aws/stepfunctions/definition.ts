import { at, isMap, listAt, mapAt, textAt, type Value, type ValueMap } from '../json.ts';
import { checkExpressions } from './query.ts';

/** States by name, and the first of them: of a state machine, or of the item processor of a Map. */
export type Flow = { readonly startAt: string; readonly states: ReadonlyMap<string, State> };

export type State = { readonly name: string; readonly type: StateType; readonly fields: ValueMap };

/** The fields of each supported type of state, beside `Type` and `Comment`. */
const FIELDS = {
  Task: ['Resource', 'Arguments', 'Output', 'Assign', 'Retry', 'Catch', 'TimeoutSeconds', 'Next', 'End'],
  Map: [
    'Items',
    'ItemSelector',
    'ItemProcessor',
    'MaxConcurrency',
    'Output',
    'Assign',
    'Retry',
    'Catch',
    'Next',
    'End',
  ],
  Choice: ['Choices', 'Default', 'Output', 'Assign'],
  Pass: ['Output', 'Assign', 'Next', 'End'],
  Wait: ['Seconds', 'Output', 'Assign', 'Next', 'End'],
  Succeed: ['Output'],
  Fail: ['Error', 'Cause'],
} as const;
type StateType = keyof typeof FIELDS;

function isStateType(type: string): type is StateType {
  return Object.hasOwn(FIELDS, type);
}

/**
 * Reads the definition of a state machine.
 * @throws Error when CreateStateMachine would refuse it, or the simulator does not support a state
 * @see https://states-language.net/spec.html
 */
export function flowOf(definition: ValueMap): Flow {
  if (at(definition, 'QueryLanguage') !== 'JSONata') throw new Error('the simulator supports only JSONata');
  checkExpressions(definition);
  return readFlow(definition);
}

function readFlow(definition: ValueMap): Flow {
  const declared = mapAt(definition, 'States');
  const states = new Map(Object.entries(declared).map(([name, value]) => [name, stateOf(name, value)]));
  const startAt = textAt(definition, 'StartAt');
  for (const target of [startAt, ...[...states.values()].flatMap(targetsOf)]) {
    if (!states.has(target)) throw new Error(`there is no state ${target}`);
  }
  const reached = new Set([startAt, ...[...states.values()].flatMap(targetsOf)]);
  for (const name of states.keys()) if (!reached.has(name)) throw new Error(`the state ${name} is not reachable`);
  return { startAt, states };
}

function stateOf(name: string, value: Value): State {
  const type = textAt(value, 'Type');
  if (!isStateType(type) || !isMap(value)) throw new Error(`${name}: the simulator does not support ${type}`);
  const allowed: readonly string[] = ['Type', 'Comment', ...FIELDS[type]];
  for (const field of Object.keys(value)) {
    if (!allowed.includes(field)) throw new Error(`${name}: a ${type} state has no field ${field}`);
  }
  const isLast = at(value, 'End') === true;
  const mustContinue = type !== 'Choice' && type !== 'Succeed' && type !== 'Fail';
  if (mustContinue && isLast === (at(value, 'Next') !== undefined)) throw new Error(`${name}: needs Next or End`);
  if (type === 'Map') itemProcessorOf({ name, type, fields: value });
  return { name, type, fields: value };
}

/** The states that process each item of a Map. */
export function itemProcessorOf({ name, fields }: State): Flow {
  const processor = mapAt(fields, 'ItemProcessor');
  const mode = at(processor, 'ProcessorConfig', 'Mode') ?? 'INLINE';
  if (mode !== 'INLINE') throw new Error(`${name}: the simulator supports only inline maps`);
  return readFlow(processor);
}

/** The states that can follow. */
function targetsOf({ fields }: State): string[] {
  const named = ['Next', 'Default'].flatMap((field) =>
    at(fields, field) === undefined ? [] : [textAt(fields, field)],
  );
  const listed = ['Choices', 'Catch'].flatMap((field) => listAt(fields, field)).map((one) => textAt(one, 'Next'));
  return [...named, ...listed];
}

/**
 * Replaces `${name}` in the strings of a definition, as DefinitionSubstitutions says.
 * @throws Error when a name has no substitution
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
 */
export function substituted(value: Value, substitutions: ValueMap): Value {
  if (typeof value === 'string') {
    return value.replaceAll(/\$\{([A-Za-z0-9_]+)\}/g, (_, name: string) => textAt(substitutions, name));
  }
  if (Array.isArray(value)) return value.map((one: Value) => substituted(one, substitutions));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, substituted(one, substitutions)]));
}
