const MAX_MESSAGE_CHARS = 1_000;

/** Control characters move the cursor of a terminal, format characters reverse the text direction. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** Chains of causes are short; a cycle must not hang the report of an error. */
const MAX_CAUSES = 8;

/**
 * An error for people. The message says what was tried, on what, and why it failed; `advice` says what to do about it;
 * the error that led here is kept as the cause. Every other kind of error is a bug (see `isBug`).
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly advice: string | undefined;
  readonly transient: boolean;
  /** How long whoever answered asks to wait before the next try, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  /** @param options `transient`: the same call may succeed later without anybody changing anything */
  constructor(
    message: string,
    options: { advice?: string; cause?: unknown; transient?: boolean; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.advice = options.advice;
    this.transient = options.transient ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The API denies what the drainer may not do. Waiting does not change that. */
export class Denied extends Failure {}

/** May the same call succeed later without anybody changing anything? Only such errors are retried. */
export function isTransient(error: unknown): error is Failure {
  return error instanceof Failure && error.transient;
}

/**
 * Is this an unforeseen error, such as a TypeError? A retry repeats it, and hides it behind the reason of some
 * pod: it ends the run at once.
 */
export function isBug(error: unknown): boolean {
  return !(error instanceof Failure);
}

/** The messages of an error and of its causes, outermost first, without repetitions, printable and truncated. */
export function explain(error: unknown): string {
  const messages: string[] = [];
  for (let at = error, depth = 0; at !== undefined && depth < MAX_CAUSES; depth++) {
    const message = printable(messageOf(at), MAX_MESSAGE_CHARS);
    if (message !== '' && !messages.some((said) => said.includes(message))) messages.push(message);
    at = at instanceof Error ? at.cause : undefined;
  }
  return messages.join(': ');
}

/** The advice of the outermost Failure in the chain of causes. */
export function adviceOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < MAX_CAUSES; depth++) {
    if (at instanceof Failure && at.advice !== undefined) return at.advice;
    at = at.cause;
  }
  return undefined;
}

/**
 * Text from outside as it may stand in a message: on one line, without terminal control sequences, truncated.
 * @param maxChars characters of the result, without the ellipsis
 */
export function printable(text: string, maxChars = 500): string {
  // Truncate first: cleaning a page of a megabyte takes time, and cleaning only makes the text shorter.
  const head = text.length > maxChars ? text.slice(0, maxChars) : text;
  const clean = head.replace(UNPRINTABLE, ' ').trim();
  return head === text ? clean : `${clean}…`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node groups the failures of a dual-stack connect in an AggregateError without a message.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return error.message === '' ? error.name : error.message;
}
