import { at, isList, isMap, type Value, type ValueMap } from '../json.ts';

/**
 * Whether an event matches the pattern of a rule.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matches(pattern: ValueMap, event: Value | undefined): boolean {
  return matchesMember(pattern, event, [event]);
}

/** @param members all members of the array that contains the value, including the value */
function matchesMember(pattern: ValueMap, value: Value | undefined, members: readonly (Value | undefined)[]): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    if (field === '$or')
      return isList(expected) && expected.some((one) => isMap(one) && matchesMember(one, value, members));
    // EventBridge flattens an event and matches its fields in the order of their names. Until a field has matched a value
    // in one member, any member can match: a field is absent only if all members lack it.
    // https://github.com/aws/event-ruler: ACFinder.tryMustNotExistMatch
    const isChosen = Object.entries(pattern).some(([other, its]) => other < field && !requiresAbsence(its));
    const isAbsent = (isChosen ? [value] : members).every((one) => at(one, field) === undefined);
    return matchesField(expected, at(value, field), isAbsent);
  });
}

function requiresAbsence(expected: Value): boolean {
  return isList(expected) && expected.every((one) => at(one, 'exists') === false);
}

function matchesField(expected: Value, actual: Value | undefined, isAbsent: boolean): boolean {
  if (isMap(expected)) {
    // The whole pattern must match within the same member of an array.
    return isList(actual) ? actual.some((one) => matchesMember(expected, one, actual)) : matches(expected, actual);
  }
  if (!isList(expected)) throw new Error(`a pattern needs lists of values, got ${JSON.stringify(expected)}`);
  const values = isList(actual) ? actual : [actual];
  return expected.some((one) =>
    at(one, 'exists') === false ? isAbsent : values.some((value) => matchesValue(one, value)),
  );
}

function matchesValue(expected: Value, actual: Value | undefined): boolean {
  if (!isMap(expected)) return expected === actual;
  const [[operator, argument] = ['', null], ...others] = Object.entries(expected);
  if (others.length > 0) throw new Error(`a matcher must have one operator: ${JSON.stringify(expected)}`);
  if (operator === 'exists') return (actual !== undefined) === argument;
  // All other operators need a value.
  if (actual === undefined) return false;
  switch (operator) {
    case 'prefix':
      return typeof actual === 'string' && actual.startsWith(String(argument));
    case 'suffix':
      return typeof actual === 'string' && actual.endsWith(String(argument));
    case 'equals-ignore-case':
      return typeof actual === 'string' && actual.toLowerCase() === String(argument).toLowerCase();
    case 'anything-but':
      return !(isList(argument) ? argument : [argument]).some((one) => matchesValue(one, actual));
    case 'numeric':
      return typeof actual === 'number' && isList(argument) && matchesNumeric(argument, actual);
    default:
      throw new Error(`the simulator does not support the operator ${operator}`);
  }
}

/** `[">", 0, "<=", 5]` */
function matchesNumeric([operator, bound, ...rest]: readonly Value[], actual: number): boolean {
  if (operator === undefined) return true;
  if (typeof bound !== 'number') throw new Error(`numeric needs numbers, got ${JSON.stringify(bound)}`);
  const holds = comparisons[String(operator)]?.(actual, bound);
  if (holds === undefined) throw new Error(`unknown comparison ${String(operator)}`);
  return holds && matchesNumeric(rest, actual);
}

const comparisons: Readonly<Record<string, (actual: number, bound: number) => boolean>> = {
  '=': (actual, bound) => actual === bound,
  '<': (actual, bound) => actual < bound,
  '<=': (actual, bound) => actual <= bound,
  '>': (actual, bound) => actual > bound,
  '>=': (actual, bound) => actual >= bound,
};
