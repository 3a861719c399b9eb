import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { type Rate, TokenBucket } from '../protocol/token-bucket.ts';
import { nameIn, type Task, type TaskRefusal } from './task.ts';
import { invalidParameter, type Json, taskRequest, textIn } from './task-request.ts';
import type { Tasks } from './tasks.ts';

/** What one call of RunTask came to. */
type RunTaskResult = { readonly tasks: readonly Task[]; readonly failures: readonly TaskRefusal[] };

type Placed = { readonly input: string; readonly result: RunTaskResult; readonly at: number };

const tokenLifetimeMs = 24 * 3_600_000;

/**
 * RunTask, whoever calls it: a client, EventBridge or its Scheduler.
 *
 * A client token holds within one cluster and for 24 hours. The same token with the same parameters gets the first
 * answer again; with other parameters it is a ConflictException, which names the tasks that are there already. A call
 * that placed nothing leaves no trace of its token: only what has changed something is remembered.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
 */
export class RunTaskCalls {
  readonly #tasks: Tasks;
  readonly #now: () => number;
  readonly #placed = new Map<string, Placed>();
  #bucket: TokenBucket | undefined;

  constructor(tasks: Tasks, { now }: Pick<Context, 'now'>) {
    this.#tasks = tasks;
    this.#now = now;
  }

  /** From now on, calls beyond this rate are refused; without a rate, none is. */
  limit(rate: Rate | undefined): void {
    this.#bucket = rate === undefined ? undefined : new TokenBucket(rate, this.#now);
  }

  /** @throws ServiceError as ECS refuses a call */
  call(input: Json): RunTaskResult {
    if (this.#bucket?.take() === false) throw ServiceError.throttling('ecs');
    const token = textIn(input, 'clientToken');
    if (token === undefined) return this.#run(input);
    if (!/^[!-~]{1,64}$/.test(token)) throw invalidParameter('clientToken must be 1 to 64 letters of ASCII');
    const key = `${nameIn(textIn(input, 'cluster') ?? 'default')} ${token}`;
    const before = this.#placed.get(key);
    if (before && this.#now() - before.at < tokenLifetimeMs) {
      if (before.input === canonical(input)) return before.result;
      throw conflict(token, before.result);
    }
    const result = this.#run(input);
    if (result.tasks.length > 0) this.#placed.set(key, { input: canonical(input), result, at: this.#now() });
    return result;
  }

  #run(input: Json): RunTaskResult {
    const request = taskRequest(input);
    const count = Number(input['count'] ?? 1);
    if (!Number.isInteger(count) || count < 1 || count > 10) throw invalidParameter('count must be between 1 and 10');
    const started = Array.from({ length: count }, () => this.#tasks.start(request));
    return {
      tasks: started.flatMap((one) => ('taskArn' in one ? [one] : [])),
      failures: started.flatMap((one) => ('taskArn' in one ? [] : [one])),
    };
  }
}

function conflict(token: string, { tasks }: RunTaskResult): ServiceError {
  const message = `The RunTask request conflicts with an earlier one: clientToken ${token}`;
  return new ServiceError('ConflictException', message, 400, { resourceIds: tasks.map(({ taskArn }) => taskArn) });
}

/** The same parameters are the same however their members are ordered. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
