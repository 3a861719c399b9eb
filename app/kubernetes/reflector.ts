import { API_BACKOFF, pauseMs } from '../backoff.ts';
import type { Sink, Snapshot } from '../drain/cluster.ts';
import { Denied } from '../failure.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Api } from './api.ts';
import { readWatchEvent, resourceVersionOf } from './list-schema.ts';
import { ApiError, deniedOr, readable, readStatus, Unreadable } from './status.ts';

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
  api: Api,
  { path, read }: Collection<T>,
  atLeast: string | undefined,
  signal: AbortSignal,
): Promise<Snapshot<T>> {
  const query = atLeast === undefined ? '' : `resourceVersion=${atLeast}`;
  const call = { verb: 'list', path: withQuery(path, query), signal } as const;
  const { items, resourceVersion } = await api.list(call, read).catch((error: unknown) => {
    throw deniedOr(error);
  });
  return { items, resourceVersion };
}

/**
 * Keeps `sink` showing what the collection is, for ever: list, watch, and list again whenever the watch ends, however it
 * ends. Rejects only when it is aborted or denied.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export async function reflect<T>(
  api: Api,
  collection: Collection<T>,
  from: Snapshot<T> | undefined,
  sink: Sink<T>,
  { clock, report, signal }: Surroundings,
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
      else await clock.sleep(pauseMs(API_BACKOFF, ++failures), signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const cause = deniedOr(error);
      if (cause instanceof Denied) throw cause;
      // That version was compacted away, or came from a server that is ahead of this one: ask for what is true now.
      if (error instanceof ApiError && (error.code === 410 || error.code === 504)) atLeast = undefined;
      // A connection that is lost now and then is nothing to speak of; answers that nobody can read are, however late they come.
      const isUsual = !(error instanceof Unreadable);
      failures = isUsual && clock.now() - startedAt >= SHORT_LIVED_MS ? 1 : failures + 1;
      const inMs = pauseMs(API_BACKOFF, failures);
      if (failures > 1 || !isUsual) report({ type: 'retrying', what: `watch ${collection.name}`, error, inMs });
      await clock.sleep(inMs, signal);
    }
  }
}

/** One watch, from a version on: the changes go to the sink, the version after each is yielded. */
async function* watch<T>(
  api: Api,
  { name, path, read }: Collection<T>,
  from: string,
  sink: Sink<T>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${from}`;
  for await (const line of api.lines({ verb: 'watch', path: withQuery(path, query), signal })) {
    const what = `watch ${name}`;
    const { type, object } = readable(what, () => readWatchEvent(line));
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        sink.set(readable(what, () => read(object)));
        break;
      case 'DELETED':
        sink.remove(readable(what, () => read(object)));
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw new ApiError(what, codeOf(object), object, undefined);
      default:
        throw new Unreadable(what, new Error(`an event of type ${type}`));
    }
    yield readable(what, () => resourceVersionOf(object));
  }
}

function codeOf(status: unknown): number {
  return readStatus(status)?.code ?? 500;
}

function withQuery(path: string, query: string): string {
  if (query === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}
