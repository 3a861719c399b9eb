import type { Context } from '../context.ts';
import type { Sink, Snapshot } from '../drain/cluster.ts';
import { API_BACKOFF, backoffMs } from '../lib/backoff.ts';
import { type Clock, TimedOut, withTimeout } from '../lib/clock.ts';
import { isTransient } from '../lib/errors.ts';
import { readWatchEvent, resourceVersionOf } from './bodies.ts';
import type { Call } from './call.ts';
import type { KubernetesClient, ListResponse } from './client.ts';

import { ApiError, asDenied, parseResponse, readStatus, UnreadableResponse } from './errors.ts';

/** A set of objects that can be listed and watched. */
export type Collection<T> = {
  /** For messages: 'pods of node a'. */
  readonly name: string;
  /** Path and query, without resourceVersion. */
  readonly path: string;
  readonly read: (object: unknown) => T;
};

/** Any version: the API server answers from its watch cache, by index, without a read of etcd. */
export const FROM_CACHE = '0';

/** A collection of so many objects is read from etcd in milliseconds. */
const SMALL_COLLECTION = 1_000;

/** How long the watch cache has to reach a version that a list of etcd has shown. */
const CACHE_TIMEOUT_MS = 500;

/** The server ends a watch after this long at the latest. */
const WATCH_SECONDS = 290;

/** A watch that ends sooner is restarted with a backoff: a server that ends each at once would get thousands of requests. */
const SHORT_LIVED_MS = 1_000;

/**
 * Keeps `sink` equal to the collection: list, watch, and list again whenever the watch ends. Rejects only when aborted or denied.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 *
 * @param from a snapshot that `sink` already has; undefined: start with a list
 */
export async function listWatch<T>(
  client: KubernetesClient,
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
        snapshot = await list(client, collection, atLeast, signal);
        sink.replace(snapshot.items);
      }
      const since: string = snapshot.resourceVersion;
      snapshot = undefined;
      atLeast = since;
      for await (const version of watch(client, collection, since, sink, signal)) atLeast = version;
      if (clock.now() - startedAt >= SHORT_LIVED_MS) failures = 0;
      else await clock.sleep(backoffMs(API_BACKOFF, ++failures), signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const cause = asDenied(error);
      if (!isTransient(cause)) throw cause;
      // The version has expired, or this server is behind the one that returned it: only a consistent read is right.
      if (error instanceof ApiError && (error.code === 410 || error.code === 504)) atLeast = undefined;
      // A connection lost now and then is normal and not reported. An unreadable response is not, even after a long watch.
      const isUsual = !(error instanceof UnreadableResponse);
      failures = isUsual && clock.now() - startedAt >= SHORT_LIVED_MS ? 1 : failures + 1;
      const retryInMs = Math.max(backoffMs(API_BACKOFF, failures), cause.retryAfterMs ?? 0);
      if (failures > 1 || !isUsual)
        report({ type: 'retrying', operation: `watch ${collection.name}`, error, retryInMs });
      await clock.sleep(retryInMs, signal);
    }
  }
}

/**
 * A function that lists what the collection is now. In a large cluster the watch cache answers, once it has seen the version that a
 * list of one object shows: for a consistent list with a field selector, servers before 1.31 read every object from etcd (KEP-2340).
 *
 * @param whole the path of the whole collection, without a selector
 */
export function consistentList<T>(
  client: KubernetesClient,
  collection: Collection<T>,
  whole: string,
  clock: Clock,
): (signal: AbortSignal) => Promise<readonly T[]> {
  let isSmall = false;
  /** @throws Denied, ApiError or ApiUnreachable */
  return async (signal) => {
    if (!isSmall) {
      const call = { verb: 'list', path: withQuery(whole, 'limit=1'), signal } as const;
      const first = await listOnce(client, call, () => undefined);
      isSmall = first.remainingItemCount < SMALL_COLLECTION;
      const fresh = isSmall ? undefined : await listFromCache(client, collection, first.resourceVersion, clock, signal);
      if (fresh !== undefined) return fresh;
    }
    return (await list(client, collection, undefined, signal)).items;
  };
}

/**
 * Lists the collection from the watch cache when that soon reaches a version. Before 1.31 the cache of a kind learns of a version only
 * from a change of that kind, and a quiet one answers 504 after 3 s, always.
 * https://github.com/kubernetes/kubernetes/blob/v1.31.0/staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go
 * (waitUntilFreshAndBlock)
 *
 * @returns undefined: the cache is behind
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function listFromCache<T>(
  client: KubernetesClient,
  collection: Collection<T>,
  atLeast: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly T[] | undefined> {
  try {
    const read = (within: AbortSignal) => list(client, collection, atLeast, within);
    return (await withTimeout(clock, CACHE_TIMEOUT_MS, read, signal)).items;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof TimedOut || (error instanceof ApiError && error.code === 504)) return undefined;
    throw error;
  }
}

/**
 * Lists the collection, once.
 * @param atLeast the minimum resource version of the response; undefined: a consistent read
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function list<T>(
  client: KubernetesClient,
  { path, read }: Collection<T>,
  atLeast: string | undefined,
  signal: AbortSignal,
): Promise<Snapshot<T>> {
  const query = atLeast === undefined ? '' : `resourceVersion=${atLeast}&resourceVersionMatch=NotOlderThan`;
  const call = { verb: 'list', path: withQuery(path, query), signal } as const;
  return await listOnce(client, call, read);
}

/** One watch from a resource version on: passes each change to the sink and yields its resource version. */
async function* watch<T>(
  client: KubernetesClient,
  { name, path, read }: Collection<T>,
  from: string,
  sink: Sink<T>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${from}`;
  for await (const line of client.lines({ verb: 'watch', path: withQuery(path, query), signal })) {
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

/**
 * Lists objects page by page. All pages show the collection at the time of the first one.
 * @param path path and optional query, without `limit`
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function* listPages<T>(
  client: KubernetesClient,
  path: string,
  limit: number,
  read: (item: unknown) => T,
  signal: AbortSignal,
): AsyncGenerator<T[], void> {
  let token = '';
  do {
    const query = `limit=${limit}${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`;
    const call = { verb: 'list', path: withQuery(path, query), signal } as const;
    const { items, continueToken } = await listOnce(client, call, read);
    token = continueToken;
    yield items;
  } while (token !== '');
}

/**
 * Sends the request for one list or page.
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function listOnce<T>(
  client: KubernetesClient,
  call: Call,
  read: (item: unknown) => T,
): Promise<ListResponse<T>> {
  return await client.list(call, read).catch((error: unknown) => {
    throw asDenied(error);
  });
}

function withQuery(path: string, query: string): string {
  if (query === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}
