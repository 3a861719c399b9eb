import type { AwsFault, Faults } from '../../faults.ts';
import type { RunTaskCalls } from '../ecs/run-task.ts';
import type { Task, TaskRefusal } from '../ecs/task.ts';
import type { ValueMap } from '../json.ts';
import { ServiceError, statusReply } from '../protocol/errors.ts';

/** The host by which a service of AWS that calls another one is known. */
type InvokingService = 'events.amazonaws.com' | 'scheduler.amazonaws.com';

/**
 * RunTask as EventBridge and its Scheduler call it: within AWS, so that an outage in front of the simulator does not
 * concern it, but faults of `ecs:RunTask` do. Their rules can tell the caller by its user agent.
 */
export class TaskInvoker {
  readonly #calls: RunTaskCalls;
  readonly #faults: Faults<AwsFault>;

  constructor(calls: RunTaskCalls, faults: Faults<AwsFault>) {
    this.#calls = calls;
    this.#faults = faults;
  }

  /**
   * The first task that was started, or why none was.
   * @throws ServiceError when ECS refuses the call, or when its answer does not arrive
   */
  invoke(input: ValueMap, service: InvokingService): Task | TaskRefusal {
    const fault = this.#faults.matchRule({
      method: 'POST',
      path: 'ecs:RunTask',
      query: new URLSearchParams(),
      headers: { 'user-agent': service },
      body: JSON.stringify(input),
    });
    // A late answer is as good as one in time.
    if (fault === undefined || fault.kind === 'delay') return this.#run(input);
    if (fault.kind === 'throttle') throw ServiceError.throttling('ecs');
    if (fault.kind === 'status') throw errorIn(fault.body ?? statusReply('ecs', fault.status).body, fault.status);
    // What was done before the answer got lost is done.
    if (fault.kind === 'after' || fault.kind === 'half-body') this.#run(input);
    throw new ServiceError('ConnectionFailure', 'the connection to ECS broke', 503);
  }

  #run(input: ValueMap): Task | TaskRefusal {
    const { tasks, failures } = this.#calls.call(input);
    return tasks[0] ?? failures[0] ?? { reason: 'ECS answered with neither a task nor a failure' };
  }
}

function errorIn(body: string | Buffer, status: number): ServiceError {
  const code = /"__type":\s*"(?:[^"]*#)?([^"]+)"/.exec(body.toString())?.[1] ?? 'ServerException';
  const message = /"message":\s*"([^"]*)"/i.exec(body.toString())?.[1] ?? `status ${status}`;
  return new ServiceError(code, message, status);
}
