import type { Context } from '../context.ts';
import { at, isList, isMap, listAt, mapAt, textAt, type Value, type ValueMap } from '../json.ts';
import { type Flow, itemProcessorOf, type State } from './definition.ts';
import { evaluateQuery, type Scope } from './query.ts';
import { checkSize, matchesError, StatesError } from './states-error.ts';

/** Calls the service of a Task. @throws StatesError */
export type CallTask = (resource: string, parameters: Value) => Promise<Value>;

/** The service, the clock and the timers of one execution. */
export type Environment = {
  readonly call: CallTask;
  readonly clock: Pick<Context, 'now' | 'timers' | 'retryTimeScale'>;
  /** The context object, `$states.context`. */
  readonly context: ValueMap;
};

/** What a state leaves to the next one. */
type Step = { readonly output: Value; readonly variables: ValueMap; readonly next: string | undefined };

/**
 * Runs states in the query language JSONata until one ends the flow, and returns its output.
 * @throws StatesError when a state fails and no Catch is for its error
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-machine-structure.html
 */
export async function runFlow(flow: Flow, input: Value, variables: ValueMap, environment: Environment): Promise<Value> {
  let step: Step = { output: input, variables, next: flow.startAt };
  while (step.next !== undefined) {
    const state = flow.states.get(step.next);
    if (state === undefined) throw new StatesError('States.Runtime', `there is no state ${step.next}`);
    checkSize(`the input of ${state.name}`, step.output);
    step = await runState(state, step.output, step.variables, environment);
    checkSize(`the output of ${state.name}`, step.output);
  }
  return step.output;
}

async function runState(state: State, input: Value, variables: ValueMap, environment: Environment): Promise<Step> {
  const { fields, type } = state;
  const scope: Scope = { states: { input, context: environment.context }, variables, now: environment.clock.now };
  switch (type) {
    case 'Pass':
      return leave(fields, fields, scope);
    case 'Wait':
      await wait(Number(await evaluateQuery(at(fields, 'Seconds') ?? 0, scope)), environment);
      return leave(fields, fields, scope);
    case 'Succeed':
      return leave(fields, fields, scope);
    case 'Fail':
      throw new StatesError(
        String(await evaluateQuery(at(fields, 'Error') ?? '', scope)),
        String(await evaluateQuery(at(fields, 'Cause') ?? '', scope)),
      );
    case 'Choice':
      return choose(state, scope);
    case 'Task':
    case 'Map':
      return withRetries(state, scope, environment);
  }
}

/** Output and Assign read the variables as they were before the state. */
async function leave(fields: Value, target: Value, scope: Scope): Promise<Step> {
  const output = at(fields, 'Output');
  const assigned = await evaluateQuery(at(fields, 'Assign') ?? {}, scope);
  checkSize('the variables', assigned);
  const result = scope.states['result'] ?? scope.states['input'] ?? null;
  return {
    output: output === undefined ? result : await evaluateQuery(output, scope),
    variables: { ...scope.variables, ...(isMap(assigned) ? assigned : {}) },
    next: at(target, 'Next') === undefined ? undefined : textAt(target, 'Next'),
  };
}

async function choose({ name, fields }: State, scope: Scope): Promise<Step> {
  for (const choice of listAt(fields, 'Choices')) {
    const holds = await evaluateQuery(at(choice, 'Condition') ?? null, scope);
    if (typeof holds !== 'boolean') {
      throw new StatesError('States.QueryEvaluationError', `${name}: the condition is ${JSON.stringify(holds)}`);
    }
    if (holds) return leave(choice, choice, scope);
  }
  if (at(fields, 'Default') === undefined) throw new StatesError('States.NoChoiceMatched', `${name}: no choice`);
  return leave(fields, { Next: textAt(fields, 'Default') }, scope);
}

async function withRetries(state: State, scope: Scope, environment: Environment): Promise<Step> {
  const { fields } = state;
  const retries = new Map<Value, number>();
  for (;;) {
    try {
      const result = await (state.type === 'Map'
        ? mapItems(state, scope, environment)
        : runTask(state, scope, environment));
      return await leave(fields, fields, { ...scope, states: { ...scope.states, result } });
    } catch (error) {
      if (!(error instanceof StatesError)) throw error;
      const isFor = (one: Value) => matchesError(listAt(one, 'ErrorEquals').map(String), error.error);
      const retrier = listAt(fields, 'Retry').find(isFor);
      const before = retrier === undefined ? 0 : (retries.get(retrier) ?? 0);
      if (retrier !== undefined && before < Number(at(retrier, 'MaxAttempts') ?? 3)) {
        retries.set(retrier, before + 1);
        await wait(retryDelay(retrier, before), environment);
        continue;
      }
      const catcher = listAt(fields, 'Catch').find(isFor);
      if (catcher === undefined) throw error;
      const errorOutput = { Error: error.error, Cause: error.reason };
      return leave(catcher, catcher, { ...scope, states: { ...scope.states, errorOutput } });
    }
  }
}

/** In seconds. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-retrying-after-an-error */
function retryDelay(retrier: Value, before: number): number {
  const delay = Number(at(retrier, 'IntervalSeconds') ?? 1) * Number(at(retrier, 'BackoffRate') ?? 2) ** before;
  return Math.min(delay, Number(at(retrier, 'MaxDelaySeconds') ?? Number.POSITIVE_INFINITY));
}

async function runTask({ name, fields }: State, scope: Scope, environment: Environment): Promise<Value> {
  const parameters = await evaluateQuery(at(fields, 'Arguments') ?? {}, scope);
  checkSize(`the arguments of ${name}`, parameters);
  const call = environment.call(textAt(fields, 'Resource'), parameters);
  const timeout = at(fields, 'TimeoutSeconds');
  const seconds = timeout === undefined ? undefined : Number(await evaluateQuery(timeout, scope));
  const result = await (seconds === undefined ? call : within(seconds, call, environment));
  checkSize(`the result of ${name}`, result);
  return result;
}

async function mapItems(state: State, scope: Scope, environment: Environment): Promise<Value> {
  const { fields, name } = state;
  const items = await evaluateQuery(at(fields, 'Items') ?? scope.states['input'] ?? [], scope);
  if (!isList(items)) throw new StatesError('States.QueryEvaluationError', `${name}: Items is not a list`);
  const flow = itemProcessorOf(state);
  const concurrency = Number(at(fields, 'MaxConcurrency') ?? 0) || Math.max(1, items.length);
  const results: Value[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      const item = { index, value: items[index] ?? null };
      const states = {
        ...scope.states,
        context: { ...mapAt(scope.states, 'context'), Map: { Item: { Index: index, Value: item.value } } },
      };
      const selector = at(fields, 'ItemSelector');
      const input = selector === undefined ? item.value : await evaluateQuery(selector, { ...scope, states });
      // Variables that an iteration assigns end with it.
      results[index] = await runFlow(flow, input, scope.variables, environment);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

function wait(seconds: number, { clock }: Environment): Promise<void> {
  return new Promise((resolve) => clock.timers.after((seconds * 1000) / clock.retryTimeScale, resolve));
}

/** @throws StatesError `States.Timeout` when the call takes longer */
export async function within<T>(seconds: number, call: Promise<T>, { clock }: Pick<Environment, 'clock'>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(new StatesError('States.Timeout', `no result within ${seconds} s`));
    const cancel = clock.timers.after((seconds * 1000) / clock.retryTimeScale, expire);
    call.then(resolve, reject).finally(cancel);
  });
}
