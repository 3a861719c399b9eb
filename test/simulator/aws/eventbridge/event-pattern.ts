import { at, isList, isMap, type Value, type ValueMap } from '../json.ts';

/**
 * Whether an event matches the pattern of a rule.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matches(pattern: ValueMap, event: Value | undefined): boolean {
  return matchesMember(pattern, event, [event]);
}

/** @param members those of the array that the value is in, itself among them */
function matchesMember(pattern: ValueMap, value: Value | undefined, members: readonly (Value | undefined)[]): boolean {
  return Object.entries(pattern).every(([field, wanted]) => {
    if (field === '$or')
      return isList(wanted) && wanted.some((one) => isMap(one) && matchesMember(one, value, members));
    // EventBridge flattens an event, and takes its fields in the order of their names. Until a field has matched a value in
    // one of the members, each of them may be the one that is meant: a field is absent only if all lack it.
    // https://github.com/aws/event-ruler: ACFinder.tryMustNotExistMatch
    const isChosen = Object.entries(pattern).some(([other, its]) => other < field && !isOfAbsence(its));
    const isAbsent = (isChosen ? [value] : members).every((one) => at(one, field) === undefined);
    return matchesField(wanted, at(value, field), isAbsent);
  });
}

function isOfAbsence(wanted: Value): boolean {
  return isList(wanted) && wanted.every((one) => at(one, 'exists') === false);
}

function matchesField(wanted: Value, actual: Value | undefined, isAbsent: boolean): boolean {
  if (isMap(wanted)) {
    // All of it has to match within one and the same member of an array.
    return isList(actual) ? actual.some((one) => matchesMember(wanted, one, actual)) : matches(wanted, actual);
  }
  if (!isList(wanted)) throw new Error(`a pattern has lists of values, not ${JSON.stringify(wanted)}`);
  const values = isList(actual) ? actual : [actual];
  return wanted.some((one) =>
    at(one, 'exists') === false ? isAbsent : values.some((value) => matchesValue(one, value)),
  );
}

function matchesValue(wanted: Value, actual: Value | undefined): boolean {
  if (!isMap(wanted)) return wanted === actual;
  const [[operator, argument] = ['', null], ...others] = Object.entries(wanted);
  if (others.length > 0) throw new Error(`one operator at a time: ${JSON.stringify(wanted)}`);
  if (operator === 'exists') return (actual !== undefined) === argument;
  // Every other operator speaks of a value, so there has to be one.
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
      return typeof actual === 'number' && isList(argument) && compares(argument, actual);
    default:
      throw new Error(`the simulator does not know the operator ${operator}`);
  }
}

/** `[">", 0, "<=", 5]` */
function compares([operator, bound, ...rest]: readonly Value[], actual: number): boolean {
  if (operator === undefined) return true;
  if (typeof bound !== 'number') throw new Error(`numeric compares with numbers, not ${JSON.stringify(bound)}`);
  const holds = comparisons[String(operator)]?.(actual, bound);
  if (holds === undefined) throw new Error(`there is no comparison ${String(operator)}`);
  return holds && compares(rest, actual);
}

const comparisons: Readonly<Record<string, (actual: number, bound: number) => boolean>> = {
  '=': (actual, bound) => actual === bound,
  '<': (actual, bound) => actual < bound,
  '<=': (actual, bound) => actual <= bound,
  '>': (actual, bound) => actual > bound,
  '>=': (actual, bound) => actual >= bound,
};
