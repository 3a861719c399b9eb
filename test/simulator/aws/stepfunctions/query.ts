import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';
import { isList, isMap, type Value, type ValueMap } from '../json.ts';
import { StatesError } from './states-error.ts';

/** What expressions can refer to: `$states` and the variables of the execution. */
export type Scope = {
  readonly states: ValueMap;
  readonly variables: ValueMap;
  /** Milliseconds since the epoch, for `$millis()` and `$now()`. */
  readonly now: () => number;
};

const EXPRESSION = /^\{%([\s\S]*)%\}$/;

/** The expression in `{% … %}`; undefined for other values. */
function expressionIn(value: Value): string | undefined {
  return typeof value === 'string' ? EXPRESSION.exec(value)?.[1] : undefined;
}

/**
 * Evaluates each expression in a value of a state.
 * @throws StatesError `States.QueryEvaluationError`, also when an expression has no value: JSON has no undefined
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
 */
export async function evaluateQuery(value: Value, scope: Scope): Promise<Value> {
  const expression = expressionIn(value);
  if (expression !== undefined) return evaluateExpression(expression, scope);
  if (isList(value)) return Promise.all(value.map((one) => evaluateQuery(one, scope)));
  if (!isMap(value)) return value;
  const entries = await Promise.all(
    Object.entries(value).map(async ([name, one]) => [name, await evaluateQuery(one, scope)] as const),
  );
  return Object.fromEntries(entries);
}

async function evaluateExpression(text: string, { states, variables, now }: Scope): Promise<Value> {
  try {
    const expression = jsonata(text);
    addFunctions(expression, now);
    const result: unknown = await expression.evaluate(undefined, { ...variables, states });
    if (result === undefined) throw new Error('the expression returned nothing');
    return JSON.parse(JSON.stringify(result));
  } catch (error) {
    const reason = error instanceof Error ? error.message : messageOf(error);
    throw new StatesError('States.QueryEvaluationError', `${reason}, in ${text.trim()}`);
  }
}

/** JSONata throws plain objects. */
function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

/**
 * The functions that Step Functions adds to JSONata. `$eval` is not available.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
 */
function addFunctions(expression: jsonata.Expression, now: () => number): void {
  expression.registerFunction('parse', (text: string): Value => JSON.parse(text));
  expression.registerFunction('uuid', () => randomUUID());
  expression.registerFunction('hash', (text: string, algorithm: string) =>
    createHash(algorithm.replace('-', '').toLowerCase()).update(text).digest('hex'),
  );
  expression.registerFunction('partition', (list: readonly Value[], size: number) =>
    Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size)),
  );
  expression.registerFunction('millis', () => now());
  expression.registerFunction('now', () => new Date(now()).toISOString());
  expression.registerFunction('eval', () => {
    throw new Error('Step Functions does not support $eval');
  });
}

/** @throws Error when CreateStateMachine would refuse an expression of the definition */
export function checkExpressions(value: Value): void {
  const expression = expressionIn(value);
  if (expression !== undefined) jsonata(expression);
  if (isList(value)) for (const one of value) checkExpressions(one);
  if (isMap(value)) for (const one of Object.values(value)) checkExpressions(one);
}
