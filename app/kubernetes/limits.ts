/**
 * Letters of one answer, one item of a list, one line of a watch. An object in etcd is at most 1.5 MiB
 * (https://etcd.io/docs/v3.6/dev-guide/limit/), so an API server has nothing as long as this to say.
 */
export const LARGEST_TEXT = 32 * 1024 * 1024;

/** Far more than a kubeconfig of hundreds of clusters has; to read more than that takes seconds. */
export const LARGEST_KUBECONFIG = 4 * 1024 * 1024;

/** What somebody sends who is no API server, or a broken one: refused before it takes all memory. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';

  constructor(what: string, largest: number) {
    super(`${what} is larger than ${Math.round(largest / 1024 / 1024)} MiB`);
  }
}

/** The whole text of an answer. @throws TooLarge when it is longer than may be */
export async function textOf(chunks: AsyncIterable<string>, largest = LARGEST_TEXT): Promise<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > largest) throw new TooLarge('the answer', largest);
    pieces.push(chunk);
  }
  return pieces.join('');
}
