import type { Cluster } from '../model/cluster.ts';
import type { KubernetesObject } from '../model/metadata.ts';
import { groupVersion } from '../model/resource.ts';
import { expired } from '../model/status.ts';
import type { AnyTable, Change } from '../model/table.ts';
import { intOf, parseVersion } from '../registry/options.ts';
import type { Form, Rendering } from './rendering.ts';
import { isTrue } from './request-info.ts';
import { type Selection, selected, selectionOf } from './selection.ts';

/** The output of a watch. */
export type WatchSink = { write(line: string): void; end(): void };
export type WatchTimes = { timeoutMs: number; bookmarkIntervalMs: number };

/** The server sends a bookmark this long before it closes a watch, so that the client can continue from there. */
const LAST_BOOKMARK_MS = 2000;

/**
 * Prepares a watch. Throws for an invalid request; later errors are events of the stream.
 * Returns a function that starts the stream, which returns a function that ends it.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export function watchObjects(
  cluster: Cluster,
  table: AnyTable,
  namespace: string,
  query: URLSearchParams,
  form: Form,
  rendering: Rendering,
  times: WatchTimes,
): (sink: WatchSink) => () => void {
  const selection = selectionOf(table, namespace, query);
  const version = parseVersion(query.get('resourceVersion') ?? '');
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));
  const seconds = intOf(query, 'timeoutSeconds') ?? 0;
  const timeoutMs = seconds > 0 ? seconds * 1000 : times.timeoutMs;
  return (sink) => {
    // Events are not lists: the real server opens such a watch, fails at its first event, and closes it.
    if (form === 'PartialObjectMetadataList') {
      sink.end();
      return () => undefined;
    }
    if (version > 0 && version < table.oldest) {
      const { status } = expired(`too old resource version: ${version} (${table.oldest})`);
      sink.write(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      sink.end();
      return () => undefined;
    }
    const send = (change: Change): void => {
      const event = change.version > version ? eventFor(change, selection) : undefined;
      if (event !== undefined) sink.write(rendering.event(event.type, event.object, form));
    };
    if (version === 0)
      for (const object of selected(table, selection)) sink.write(rendering.event('ADDED', object, form));
    else table.since(version).forEach(send);
    const stops = [table.subscribe(send)];
    const bookmark = (): void => {
      const { kind } = table.resource;
      sink.write(rendering.bookmark(kind, groupVersion(table.resource), cluster.revisions.current, form));
    };
    if (bookmarks) {
      stops.push(every(cluster, times.bookmarkIntervalMs, bookmark));
      stops.push(cluster.timers.after(Math.max(timeoutMs - LAST_BOOKMARK_MS, timeoutMs / 2), bookmark));
    }
    const stop = (): void => {
      for (const each of stops) each();
    };
    stops.push(
      cluster.timers.after(timeoutMs, () => {
        stop();
        sink.end();
      }),
    );
    return stop;
  };
}

function every(cluster: Cluster, ms: number, work: () => void): () => void {
  let cancel = (): void => undefined;
  const again = (): void => {
    cancel = cluster.timers.after(ms, () => {
      work();
      again();
    });
  };
  again();
  return () => cancel();
}

/**
 * The event of a change for a watch with selectors: DELETED when the object stops matching, ADDED when it starts to match.
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go
 */
function eventFor(change: Change, selection: Selection): { type: string; object: KubernetesObject } | undefined {
  const { type, object, previous } = change;
  const before = previous !== undefined && selection.matches(previous);
  const now = type !== 'DELETED' && selection.matches(object);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object };
  if (!before) return undefined;
  if (type === 'DELETED') return { type, object };
  const metadata = { ...previous.metadata, resourceVersion: String(change.version) };
  return { type: 'DELETED', object: { ...previous, metadata } };
}
