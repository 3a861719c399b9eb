/** Names of errors that Step Functions itself reports. */
export type StatesErrorName =
  | 'States.DataLimitExceeded'
  | 'States.NoChoiceMatched'
  | 'States.QueryEvaluationError'
  | 'States.Runtime'
  | 'States.Timeout';

/** An error of a state, by its name: `States.Timeout`, `Ecs.ThrottlingException`. */
export class StatesError extends Error {
  override readonly name = 'StatesError';
  readonly error: string;
  readonly reason: string;

  constructor(error: StatesErrorName | (string & {}), reason: string) {
    super(`${error}: ${reason}`);
    this.error = error;
    this.reason = reason;
  }
}

/**
 * Errors that the wildcard `States.ALL` does not match.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-error-representation
 */
const TERMINAL: readonly string[] = ['States.DataLimitExceeded', 'States.Runtime'];

/** Whether a Retry or Catch with this `ErrorEquals` is for the error. */
export function matchesError(errorEquals: readonly string[], error: string): boolean {
  if (errorEquals.includes(error)) return true;
  if (errorEquals.includes('States.ALL')) return !TERMINAL.includes(error);
  return errorEquals.includes('States.TaskFailed') && !error.startsWith('States.');
}

const MAX_PAYLOAD_BYTES = 256 * 1024;

/**
 * Refuses a payload of a state that is larger than 256 KiB of UTF-8.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
export function checkSize(what: string, value: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
  if (bytes > MAX_PAYLOAD_BYTES) {
    throw new StatesError('States.DataLimitExceeded', `${what} has ${bytes} bytes, more than ${MAX_PAYLOAD_BYTES}`);
  }
}
