import { printable } from './printable.ts';

/** A message of somebody else's making can be a page. */
const MOST_OF_A_MESSAGE = 1_000;

/**
 * An error for people. The message says what was tried, on what, and why it failed; `advice` says what to do about it;
 * the error that led here is kept as the cause.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly advice: string | undefined;
  /** May the same call succeed later, with nobody mending anything? */
  readonly passing: boolean;

  constructor(message: string, options: { advice?: string; cause?: unknown; passing?: boolean } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.advice = options.advice;
    this.passing = options.passing ?? false;
  }
}

/** The messages of an error and of its causes, outermost first, each said once, printable and cut where they are long. */
export function explain(error: unknown): string {
  const messages: string[] = [];
  for (let at = error, depth = 0; at !== undefined && depth < 8; depth++) {
    const message = printable(messageOf(at), MOST_OF_A_MESSAGE);
    if (message !== '' && !messages.some((said) => said.includes(message))) messages.push(message);
    at = at instanceof Error ? at.cause : undefined;
  }
  return messages.join(': ');
}

/** What the outermost Failure in the chain of causes advises. */
export function adviceOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; depth++) {
    if (at instanceof Failure && at.advice !== undefined) return at.advice;
    at = at.cause;
  }
  return undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node groups the failures of a dual-stack connect, and leaves the group's own message empty.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return error.message === '' ? error.name : error.message;
}

/** The API refuses what the drainer may not do. No wait mends that. */
export class Denied extends Failure {}
