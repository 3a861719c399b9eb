import type { Cluster } from '../model/cluster.ts';
import type { KubernetesObject } from '../model/metadata.ts';
import { groupVersion } from '../model/resource.ts';
import { badRequest, expired, tooLargeResourceVersion } from '../model/status.ts';
import { type AnyTable, keyOf } from '../model/table.ts';
import { intOf, invalidOption, parseVersion } from '../registry/options.ts';
import type { Form, Rendering } from './rendering.ts';
import { selected, selectionOf } from './selection.ts';

/** How long a request waits for a future resource version: blockTimeout of the watch cache. */
const FRESH_WITHIN_MS = 3000;

type Continuation = { version: number; after: string };

/**
 * GET of a collection. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export async function listObjects(
  cluster: Cluster,
  table: AnyTable,
  namespace: string,
  query: URLSearchParams,
  form: Form,
  rendering: Rendering,
): Promise<string> {
  const selection = selectionOf(table, namespace, query);
  const { resource } = table;
  const asked = query.get('resourceVersion') ?? '';
  checkMatch(query, asked);
  const continuation = continuationOf(query.get('continue') ?? '');
  const version = parseVersion(asked);
  if (continuation !== undefined && version > 0)
    throw badRequest('specifying resource version is not allowed when using continue');
  if (continuation !== undefined && continuation.version < table.oldest)
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  const exact = isExact(query, asked) ? version : undefined;
  if (exact !== undefined && exact < table.oldest)
    throw expired('The resourceVersion for the provided list is too old.');
  await untilFresh(cluster, version, () => (exact === undefined ? cached(cluster, table) : cluster.revisions.current));
  const snapshot = continuation?.version ?? exact;
  const revision = snapshot ?? (asked === '' ? cluster.revisions.current : cached(cluster, table));
  const all =
    snapshot === undefined
      ? selected(table, selection)
      : table.at(snapshot).filter((object) => selection.matches(object));
  const left = continuation === undefined ? all : all.filter((object) => keyOfObject(object) > continuation.after);
  // The watch cache, which serves resourceVersion=0, ignores limits.
  const limit = asked === '0' ? 0 : (intOf(query, 'limit') ?? 0);
  const page = limit > 0 ? left.slice(0, limit) : left;
  const last = page.at(-1);
  const more = last === undefined ? 0 : left.length - page.length;
  const metadata = {
    resourceVersion: String(revision),
    ...(more > 0 && last !== undefined ? { continue: tokenOf({ version: revision, after: keyOfObject(last) }) } : {}),
    ...(more > 0 && selection.isWhole ? { remainingItemCount: more } : {}),
  };
  return rendering.list(resource.kind, groupVersion(resource), metadata, page, form);
}

/**
 * Whether the list shows the collection exactly at this version. Without a match, a limit means that.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
 */
function isExact(query: URLSearchParams, version: string): boolean {
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' || version === '' || version === '0') return match === 'Exact';
  return (intOf(query, 'limit') ?? 0) > 0;
}

/** ValidateListOptions: staging/src/k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go */
function checkMatch(query: URLSearchParams, version: string): void {
  const match = query.get('resourceVersionMatch') ?? '';
  if (match === '') return;
  const forbidden = (why: string) =>
    invalidOption('ListOptions', 'resourceVersionMatch', 'FieldValueForbidden', `Forbidden: ${why}`);
  if (version === '') throw forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (query.get('continue')) throw forbidden('resourceVersionMatch is forbidden when continue is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    const why = `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`;
    throw invalidOption('ListOptions', 'resourceVersionMatch', 'FieldValueNotSupported', why);
  }
  if (match === 'Exact' && version === '0') {
    throw forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

function keyOfObject({ metadata }: KubernetesObject): string {
  return keyOf(metadata.namespace, metadata.name);
}

/**
 * The version that the watch cache of this resource has reached. Since 1.31 it asks etcd for the current one while somebody waits;
 * before, it knows only the versions of changes of this resource.
 * https://github.com/kubernetes/kubernetes/blob/v1.31.0/staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go
 * (waitUntilFreshAndBlock)
 */
function cached(cluster: Cluster, table: AnyTable): number {
  return Number(cluster.version.split('.')[1]) < 31 ? table.newest : cluster.revisions.current;
}

/** Waits until the cluster has reached the version. @throws ApiError (504) on timeout, as the watch cache does */
export async function untilFresh(
  cluster: Cluster,
  version: number,
  reached = () => cluster.revisions.current,
): Promise<void> {
  const deadline = Date.now() + FRESH_WITHIN_MS;
  while (version > reached()) {
    if (Date.now() >= deadline) throw tooLargeResourceVersion(version, reached());
    await new Promise<void>((resolve) => cluster.timers.after(20, resolve));
  }
}

function tokenOf({ version, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: `${after}\u0000` })).toString(
    'base64url',
  );
}

function continuationOf(token: string): Continuation | undefined {
  if (token === '') return undefined;
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof rv === 'number' && typeof start === 'string') return { version: rv, after: start.replace(/\0$/, '') };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badRequest('invalid continue token: continue key is not valid: invalid character');
}
