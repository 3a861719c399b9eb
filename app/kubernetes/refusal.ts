import type { Dispatcher } from 'undici';
import { explain } from '../failure.ts';
import { textOf } from './limits.ts';
import { ApiError } from './status.ts';

/** What a refusal says for people is short. */
const LARGEST = 1024 * 1024;

/** The answer that is not 2xx, as an error. Rejects only when aborted. */
export async function refusalOf(
  what: string,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<ApiError> {
  const text = await textOf(body.setEncoding('utf8'), LARGEST).catch((error: unknown) => {
    if (signal.aborted) throw signal.reason;
    return explain(error); // that the answer is no, its code says
  });
  const retryAfter = headers['retry-after'];
  return new ApiError(what, statusCode, parseOr(text), Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
