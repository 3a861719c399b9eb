import { seeded } from '../../seeded.ts';
import type { Context } from '../context.ts';
import type { TaskRefusal } from '../ecs/task.ts';
import type { ValueMap } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Target } from './rule.ts';

/** An event that could not be delivered, as it arrives in the dead-letter queue. */
export type DeadLetter = {
  readonly rule: string;
  readonly event: ValueMap;
  readonly reason: string;
  /** The number of retries. */
  readonly retries: number;
  /** The limit that ended the retries; absent when the error is not retryable. */
  readonly exhausted?: 'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds';
  /** The ARN of the queue; absent when the target has none and AWS drops the event. */
  readonly queue?: string;
};

/** What EventBridge does with an event when RunTask returned 200 with `failures[]`. */
export type AfterRefusal = 'dead-letter' | 'retry' | 'drop';

/** RunTask returned 200 with `failures[]`. */
export class TaskRefused extends Error {
  override readonly name = 'TaskRefused';

  constructor({ reason, detail }: TaskRefusal) {
    super(detail === undefined ? reason : `${reason} (${detail})`);
  }
}

type Delivery = {
  readonly rule: string;
  readonly target: Target;
  readonly event: ValueMap;
  readonly invoke: () => void;
  readonly firstAttemptAt: number;
  readonly retries: number;
};

const secondMs = 1000;
const longestDelayMs = 512 * secondMs;

/**
 * Delivers an event to a target: a first attempt at once, then retries within the RetryPolicy of the target, then the
 * dead-letter queue.
 *
 * Retries transient errors: throttling, 429, 5xx and broken connections. Any other error (invalid input, missing
 * permissions) is a dead letter at once. AWS documents an exponential backoff with jitter, but no numbers. These
 * (from 1 s, doubling, at most 512 s, half of it random) make 185 retries last about a day, as its defaults do.
 *
 * Whether RunTask's 200 with `failures[]` counts as a failed delivery is not documented. AWS recommends Step
 * Functions between EventBridge and RunTask to retry capacity failures, because EventBridge does not retry them.
 * Whether they reach the dead-letter queue is not documented either. Here they are dead letters by default;
 * `afterRefusal` selects the other behaviours.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 * @see https://repost.aws/knowledge-center/eventbridge-resolve-failedinvocation-errors
 * @see https://repost.aws/knowledge-center/ecs-fargate-runtask-capacity
 */
export class EventDelivery {
  readonly deadLetters: DeadLetter[] = [];
  readonly #context: Pick<Context, 'now' | 'timers' | 'retryTimeScale'>;
  readonly #afterRefusal: AfterRefusal;
  #delays = 0;
  #waiting = 0;

  constructor(context: Pick<Context, 'now' | 'timers' | 'retryTimeScale'>, afterRefusal: AfterRefusal) {
    this.#context = context;
    this.#afterRefusal = afterRefusal;
  }

  /** How many deliveries wait for their next attempt. */
  get waiting(): number {
    return this.#waiting;
  }

  deliver(rule: string, target: Target, event: ValueMap, invoke: () => void): void {
    this.#attempt({ rule, target, event, invoke, firstAttemptAt: this.#context.now(), retries: 0 });
  }

  #attempt(delivery: Delivery): void {
    try {
      delivery.invoke();
    } catch (error) {
      this.#handleFailure(delivery, error);
    }
  }

  #handleFailure(delivery: Delivery, error: unknown): void {
    if (error instanceof TaskRefused && this.#afterRefusal === 'drop') return;
    const isRetried = error instanceof TaskRefused ? this.#afterRefusal === 'retry' : isRetryable(error);
    if (isRetried) this.#retry(delivery, error);
    else this.#deadLetter(delivery, error);
  }

  #retry(delivery: Delivery, error: unknown): void {
    const { maximumAgeMs, maximumRetries } = delivery.target.retryPolicy;
    if (delivery.retries >= maximumRetries) {
      this.#deadLetter(delivery, error, 'MaximumRetryAttempts');
      return;
    }
    const { now, retryTimeScale } = this.#context;
    const left = delivery.firstAttemptAt + maximumAgeMs / retryTimeScale - now();
    const delay = this.#nextDelay(delivery.retries) / retryTimeScale;
    if (delay < left) this.#schedule(delay, () => this.#attempt({ ...delivery, retries: delivery.retries + 1 }));
    else this.#schedule(left, () => this.#deadLetter(delivery, error, 'MaximumEventAgeInSeconds'));
  }

  #schedule(ms: number, work: () => void): void {
    this.#waiting += 1;
    this.#context.timers.after(Math.max(0, ms), () => {
      this.#waiting -= 1;
      work();
    });
  }

  #nextDelay(retries: number): number {
    const maxDelay = Math.min(longestDelayMs, secondMs * 2 ** retries);
    this.#delays += 1;
    return maxDelay * (0.5 + seeded(1, this.#delays) / 2);
  }

  #deadLetter({ rule, target, event, retries }: Delivery, error: unknown, exhausted?: DeadLetter['exhausted']): void {
    this.deadLetters.push({
      rule,
      event,
      reason: error instanceof Error ? error.message : String(error),
      retries,
      ...(exhausted === undefined ? {} : { exhausted }),
      ...(target.deadLetterQueue === undefined ? {} : { queue: target.deadLetterQueue }),
    });
  }
}

function isRetryable(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  return error.status >= 500 || error.status === 429 || error.code === 'ThrottlingException';
}
