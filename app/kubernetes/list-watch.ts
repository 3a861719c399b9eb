import type { Context } from '../context.ts';
import type { Sink, Snapshot } from '../drain/cluster.ts';
import { API_BACKOFF, backoffMs } from '../lib/backoff.ts';
import { isTransient } from '../lib/errors.ts';
import { readWatchEvent, resourceVersionOf } from './bodies.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, asDenied, parseResponse, readStatus, UnreadableResponse } from './errors.ts';

/** A set of objects that can be listed and watched. */
export type Collection<T> = {
  /** For people: 'the pods of node a'. */
  readonly name: string;
  /** Path and query, without resourceVersion. */
  readonly path: string;
  readonly read: (object: unknown) => T;
};

/** The server ends a watch after this long at the latest; we end it ourselves when it is silent for longer. */
const WATCH_SECONDS = 290;

/** A watch that ends sooner is not begun again at once, or a server that ends each would be asked without end. */
const SHORT_LIVED_MS = 1_000;

/** Any version will do: answered from the API server's watch cache by index, without a read of etcd. */
export const FROM_CACHE = '0';

/**
 * Lists the collection, once.
 * @param atLeast the resource version that the answer must not be older than; absent: a consistent read
 */
export async function list<T>(
  api: KubernetesClient,
  { path, read }: Collection<T>,
  atLeast: string | undefined,
  signal: AbortSignal,
): Promise<Snapshot<T>> {
  const query = atLeast === undefined ? '' : `resourceVersion=${atLeast}`;
  const call = { verb: 'list', path: withQuery(path, query), signal } as const;
  const { items, resourceVersion } = await api.list(call, read).catch((error: unknown) => {
    throw asDenied(error);
  });
  return { items, resourceVersion };
}

/**
 * Keeps `sink` showing what the collection is, for ever: list, watch, and list again whenever the watch ends, however it
 * ends. Rejects only when it is aborted or denied.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export async function listWatch<T>(
  api: KubernetesClient,
  collection: Collection<T>,
  from: Snapshot<T> | undefined,
  sink: Sink<T>,
  { clock, report, signal }: Context,
): Promise<never> {
  let atLeast: string | undefined = FROM_CACHE;
  let snapshot = from;
  let failures = 0;
  for (;;) {
    const startedAt = clock.now();
    try {
      if (snapshot === undefined) {
        snapshot = await list(api, collection, atLeast, signal);
        sink.replace(snapshot.items);
      }
      const since: string = snapshot.resourceVersion;
      snapshot = undefined;
      atLeast = since;
      for await (const version of watch(api, collection, since, sink, signal)) atLeast = version;
      if (clock.now() - startedAt >= SHORT_LIVED_MS) failures = 0;
      else await clock.sleep(backoffMs(API_BACKOFF, ++failures), signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const cause = asDenied(error);
      if (!isTransient(cause)) throw cause;
      // That version was compacted away, or came from a server that is ahead of this one: ask for what is true now.
      if (error instanceof ApiError && (error.code === 410 || error.code === 504)) atLeast = undefined;
      // A connection that is lost now and then is nothing to speak of; answers that nobody can read are, however late they come.
      const isUsual = !(error instanceof UnreadableResponse);
      failures = isUsual && clock.now() - startedAt >= SHORT_LIVED_MS ? 1 : failures + 1;
      const retryInMs = backoffMs(API_BACKOFF, failures);
      if (failures > 1 || !isUsual) report({ type: 'retrying', operation: `watch ${collection.name}`, error, retryInMs });
      await clock.sleep(retryInMs, signal);
    }
  }
}

/** One watch, from a version on: the changes go to the sink, the version after each is yielded. */
async function* watch<T>(
  api: KubernetesClient,
  { name, path, read }: Collection<T>,
  from: string,
  sink: Sink<T>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${from}`;
  for await (const line of api.lines({ verb: 'watch', path: withQuery(path, query), signal })) {
    const what = `watch ${name}`;
    const { type, object } = parseResponse(what, () => readWatchEvent(line));
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        sink.set(parseResponse(what, () => read(object)));
        break;
      case 'DELETED':
        sink.remove(parseResponse(what, () => read(object)));
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw new ApiError(what, codeOf(object), object, undefined);
      default:
        throw new UnreadableResponse(what, new Error(`an event of type ${type}`));
    }
    yield parseResponse(what, () => resourceVersionOf(object));
  }
}

function codeOf(status: unknown): number {
  return readStatus(status)?.code ?? 500;
}

function withQuery(path: string, query: string): string {
  if (query === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}

/**
 * Lists a collection that may be large, page by page, as of one moment.
 * @param path path and, if any, query, without `limit`
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function* pages<T>(
  api: KubernetesClient,
  path: string,
  size: number,
  read: (item: unknown) => T,
  signal: AbortSignal,
): AsyncGenerator<T[], void> {
  let more = '';
  do {
    const next = more === '' ? '' : `&continue=${encodeURIComponent(more)}`;
    const query = `${path.includes('?') ? '&' : '?'}limit=${size}${next}`;
    const page = await api.list({ verb: 'list', path: `${path}${query}`, signal }, read).catch((error: unknown) => {
      throw asDenied(error);
    });
    more = page.more;
    yield page.items;
  } while (more !== '');
}
