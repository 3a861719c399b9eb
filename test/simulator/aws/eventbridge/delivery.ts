import { seeded } from '../../seeded.ts';
import type { Context } from '../context.ts';
import type { TaskRefusal } from '../ecs/task.ts';
import type { ValueMap } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Target } from './rule.ts';

/** An event that could not be delivered, as the dead-letter queue gets it. */
export type DeadLetter = {
  readonly rule: string;
  readonly event: ValueMap;
  readonly reason: string;
  /** How often the delivery was tried again. */
  readonly retries: number;
  /** The limit that ended the retries; absent for what is not tried again at all. */
  readonly exhausted?: 'MaximumRetryAttempts' | 'MaximumEventAgeInSeconds';
  /** The ARN of the queue. Absent when the target has none: AWS drops such an event. */
  readonly queue?: string;
};

/** What becomes of an event whose task ECS did not place, though it answered 200. */
export type AfterRefusal = 'dead-letter' | 'retry' | 'drop';

/** RunTask answered 200 with `failures[]`. */
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
  readonly since: number;
  readonly retries: number;
};

const secondMs = 1000;
const longestDelayMs = 512 * secondMs;

/**
 * One event's way to one target: the first attempt at once, then retries as long as the target's RetryPolicy allows,
 * then the dead-letter queue.
 *
 * Retried is what may pass: throttling, 429, 5xx and broken connections. Everything else (bad input, missing rights) is
 * a dead letter at once. The documentation speaks of an exponential backoff with jitter and gives no numbers; these
 * (from 1 s, doubling, at most 512 s, half of it random) make 185 retries last about a day, as its defaults do.
 *
 * Whether RunTask's 200 with `failures[]` counts as a failed delivery is not documented. AWS advises who calls RunTask
 * from EventBridge to put Step Functions in between, so that capacity failures are tried again: EventBridge itself
 * does not retry them. Whether they reach the dead-letter queue or are lost in silence is left open; by default they
 * are dead letters here, and `afterRefusal` shows the other two.
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
    this.#attempt({ rule, target, event, invoke, since: this.#context.now(), retries: 0 });
  }

  #attempt(delivery: Delivery): void {
    try {
      delivery.invoke();
    } catch (error) {
      this.#failed(delivery, error);
    }
  }

  #failed(delivery: Delivery, error: unknown): void {
    if (error instanceof TaskRefused && this.#afterRefusal === 'drop') return;
    const isRetried = error instanceof TaskRefused ? this.#afterRefusal === 'retry' : mayPass(error);
    if (isRetried) this.#tryAgain(delivery, error);
    else this.#bury(delivery, error);
  }

  #tryAgain(delivery: Delivery, error: unknown): void {
    const { maximumAgeMs, maximumRetries } = delivery.target.retryPolicy;
    if (delivery.retries >= maximumRetries) {
      this.#bury(delivery, error, 'MaximumRetryAttempts');
      return;
    }
    const { now, retryTimeScale } = this.#context;
    const left = delivery.since + maximumAgeMs / retryTimeScale - now();
    const delay = this.#nextDelay(delivery.retries) / retryTimeScale;
    if (delay < left) this.#later(delay, () => this.#attempt({ ...delivery, retries: delivery.retries + 1 }));
    else this.#later(left, () => this.#bury(delivery, error, 'MaximumEventAgeInSeconds'));
  }

  #later(ms: number, work: () => void): void {
    this.#waiting += 1;
    this.#context.timers.after(Math.max(0, ms), () => {
      this.#waiting -= 1;
      work();
    });
  }

  #nextDelay(retries: number): number {
    const most = Math.min(longestDelayMs, secondMs * 2 ** retries);
    this.#delays += 1;
    return most * (0.5 + seeded(1, this.#delays) / 2);
  }

  #bury({ rule, target, event, retries }: Delivery, error: unknown, exhausted?: DeadLetter['exhausted']): void {
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

function mayPass(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  return error.status >= 500 || error.status === 429 || error.code === 'ThrottlingException';
}
