import { randomUUID } from 'node:crypto';
import { resourceOf, type Stack } from '../cloudformation/stack.ts';
import type { Context } from '../context.ts';
import { at, isMap, mapAt, textAt, type Value } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import { type Flow, flowOf, substituted } from './definition.ts';
import { Integrations, type Message, type TaskCall } from './integrations.ts';
import { runFlow, within } from './interpreter.ts';
import { checkSize, StatesError } from './states-error.ts';

export type { Message, TaskCall };

/** One execution of an Express workflow. */
export type Execution = {
  readonly executionArn: string;
  readonly stateMachine: string;
  readonly input: Value;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** How it ended; never rejects. */
  readonly ended: Promise<ExecutionEnd>;
};

export type ExecutionEnd = { readonly at: number } & (
  | { readonly status: 'SUCCEEDED'; readonly output: Value }
  | { readonly status: 'FAILED' | 'TIMED_OUT'; readonly error: string; readonly cause: string }
);

type StateMachine = { readonly name: string; readonly flow: Flow; readonly timeoutSeconds: number };

/** https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html */
const EXPRESS_MAX_SECONDS = 300;

/** AWS Step Functions: the Express workflows of deployed stacks. Execution is asynchronous. */
export class StateMachines {
  readonly executions: Execution[] = [];
  /** Messages that state machines sent to queues. */
  readonly messages: Message[] = [];
  readonly #machines = new Map<string, StateMachine>();
  readonly #context: Context;
  readonly #integrations: Integrations;

  constructor(
    parts: Pick<ConstructorParameters<typeof Integrations>[0], 'services' | 'runTask' | 'faults'>,
    context: Context,
  ) {
    this.#context = context;
    this.#integrations = new Integrations({
      ...parts,
      region: context.region,
      accountId: context.accountId,
      startSync: (arn, input) => this.#startSync(arn, input),
      sent: this.messages,
    });
  }

  /** The calls of all executions. */
  get calls(): readonly TaskCall[] {
    return this.#integrations.calls;
  }

  /** @throws Error when CreateStateMachine would refuse a definition, or the simulator does not support it */
  deploy(stack: Stack): void {
    for (const [id, { type, properties }] of stack.resources) {
      if (type !== 'AWS::StepFunctions::StateMachine') continue;
      if (textAt(properties, 'StateMachineType') !== 'EXPRESS') throw new Error(`${id}: only EXPRESS is simulated`);
      textAt(resourceOf(stack, id).properties, 'RoleArn');
      const definition = substituted(mapAt(properties, 'Definition'), mapAt(properties, 'DefinitionSubstitutions'));
      if (!isMap(definition)) throw new Error(`${id} has no Definition`);
      const name = String(at(properties, 'StateMachineName') ?? `${stack.name}-${id}`);
      const timeoutSeconds = Math.min(
        EXPRESS_MAX_SECONDS,
        Number(at(definition, 'TimeoutSeconds') ?? EXPRESS_MAX_SECONDS),
      );
      this.#machines.set(this.#arnOf('stateMachine', name), { name, flow: flowOf(definition), timeoutSeconds });
    }
  }

  /** @throws ServiceError when there is no such state machine, or the input is too large */
  start(stateMachineArn: string, input: Value): Execution {
    const machine = this.#machines.get(stateMachineArn);
    if (machine === undefined) {
      throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${stateMachineArn}'`);
    }
    const executionArn = `${this.#arnOf('express', machine.name)}:${randomUUID()}`;
    const startedAt = this.#context.now();
    const ended = this.#run(machine, input, executionArn);
    const execution = { executionArn, stateMachine: machine.name, input, startedAt, ended };
    this.executions.push(execution);
    return execution;
  }

  async #run(machine: StateMachine, input: Value, executionArn: string): Promise<ExecutionEnd> {
    const clock = this.#context;
    const environment = {
      call: (resource: string, parameters: Value) => this.#integrations.call(resource, parameters),
      clock,
      context: { Execution: { Id: executionArn, StartTime: new Date(clock.now()).toISOString(), Input: input } },
    };
    try {
      checkSize('the input', input);
      const run = runFlow(machine.flow, input, {}, environment);
      const output = await within(machine.timeoutSeconds, run, { clock });
      return { status: 'SUCCEEDED', output, at: clock.now() };
    } catch (error) {
      if (!(error instanceof StatesError)) throw error;
      const isTimeout = error.error === 'States.Timeout' && error.reason.includes(`${machine.timeoutSeconds} s`);
      return {
        status: isTimeout ? 'TIMED_OUT' : 'FAILED',
        error: error.error,
        cause: error.reason,
        at: clock.now(),
      };
    }
  }

  /** @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html */
  async #startSync(arn: string, input: string): Promise<Value> {
    const execution = this.start(arn, JSON.parse(input));
    const end = await execution.ended;
    const common = { ExecutionArn: execution.executionArn, Status: end.status };
    return end.status === 'SUCCEEDED'
      ? { ...common, Output: JSON.stringify(end.output) }
      : { ...common, Error: end.error, Cause: end.cause };
  }

  #arnOf(kind: 'stateMachine' | 'express', name: string): string {
    const { partition, region, accountId } = this.#context;
    return `arn:${partition.id}:states:${region}:${accountId}:${kind}:${name}`;
  }
}
