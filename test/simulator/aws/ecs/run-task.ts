import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';
import { type Rate, TokenBucket } from '../protocol/token-bucket.ts';
import { nameIn, type Task, type TaskRefusal } from './task.ts';
import { invalidParameter, type Json, taskRequest, textIn } from './task-request.ts';
import type { Tasks } from './tasks.ts';

/** The response of one RunTask call. */
type RunTaskResult = { readonly tasks: readonly Task[]; readonly failures: readonly TaskRefusal[] };

type PlacedCall = { readonly input: string; readonly result: RunTaskResult; readonly at: number };

const tokenLifetimeMs = 24 * 3_600_000;

/**
 * RunTask, for all callers: clients, EventBridge and its Scheduler.
 *
 * A client token is valid within one cluster, for 24 hours. The same token with the same parameters gets the first
 * response again; with other parameters it is a ConflictException, which lists the existing tasks. A call that placed
 * no task does not use up its token.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
 */
export class RunTaskOperation {
  readonly #tasks: Tasks;
  readonly #now: () => number;
  readonly #placedCalls = new Map<string, PlacedCall>();
  #bucket: TokenBucket | undefined;

  constructor(tasks: Tasks, { now }: Pick<Context, 'now'>) {
    this.#tasks = tasks;
    this.#now = now;
  }

  /** Throttles calls beyond this rate; undefined removes the limit. */
  limit(rate: Rate | undefined): void {
    this.#bucket = rate === undefined ? undefined : new TokenBucket(rate, this.#now);
  }

  /** @throws ServiceError when ECS refuses the call */
  call(input: Json): RunTaskResult {
    if (this.#bucket?.take() === false) throw ServiceError.throttling('ecs');
    const token = textIn(input, 'clientToken');
    if (token === undefined) return this.#run(input);
    if (!/^[!-~]{1,64}$/.test(token)) throw invalidParameter('clientToken must be 1 to 64 ASCII characters');
    const key = `${nameIn(textIn(input, 'cluster') ?? 'default')} ${token}`;
    const earlier = this.#placedCalls.get(key);
    if (earlier && this.#now() - earlier.at < tokenLifetimeMs) {
      if (earlier.input === canonical(input)) return earlier.result;
      throw conflictError(token, earlier.result);
    }
    const result = this.#run(input);
    if (result.tasks.length > 0) this.#placedCalls.set(key, { input: canonical(input), result, at: this.#now() });
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

function conflictError(token: string, { tasks }: RunTaskResult): ServiceError {
  const message = `The RunTask request conflicts with an earlier one: clientToken ${token}`;
  return new ServiceError('ConflictException', message, 400, { resourceIds: tasks.map(({ taskArn }) => taskArn) });
}

/** The input as JSON with sorted members: their order must not matter. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
