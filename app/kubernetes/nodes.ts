import type { Clock } from '../clock.ts';
import type { Candidate, NodeDirectory } from '../find-node.ts';
import type { Report } from '../report/event.ts';
import type { Api } from './api.ts';
import { reflect } from './reflector.ts';
import { readList, readNode } from './schema.ts';
import { ApiError, deniedOr } from './status.ts';

/** Pages of this size keep one answer small in a cluster of thousands of nodes. */
const PAGE = 250;

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers */
const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** How the nodes of a cluster are looked up. Each call rejects with Denied, ApiError or ApiUnreachable. */
export function nodeDirectory(api: Api): NodeDirectory {
  return {
    async byName(name, signal) {
      try {
        return readNode(await api.call({ verb: 'get', path: `/api/v1/nodes/${encodeURIComponent(name)}`, signal }));
      } catch (error) {
        if (error instanceof ApiError && error.code === 404 && error.status?.details?.name === name) return undefined;
        throw deniedOr(error);
      }
    },
    async byLabel(key, value, signal) {
      const selector = encodeURIComponent(`${key}=${value}`);
      const nodes: Candidate[] = [];
      for await (const page of pages(api, `labelSelector=${selector}&`, signal)) nodes.push(...page);
      return nodes;
    },
    all: (signal) => pages(api, '', signal),
  };
}

async function* pages(api: Api, filter: string, signal: AbortSignal): AsyncGenerator<Candidate[], void> {
  let more = '';
  do {
    const next = more === '' ? '' : `&continue=${encodeURIComponent(more)}`;
    const path = `/api/v1/nodes?${filter}limit=${PAGE}${next}`;
    const answer = await api.call({ verb: 'list', path, signal }).catch((error: unknown) => {
      throw deniedOr(error);
    });
    const page = readList(answer, readNode);
    more = page.more;
    yield page.items;
  } while (more !== '');
}

/**
 * Marks the node unschedulable, and tells load balancers to stop sending to it, in one request. The UID in the patch is a
 * precondition: a node that took over the name is not touched.
 * @returns 'replaced' when the node is no longer this one; rejects with Denied, ApiError or ApiUnreachable
 */
export async function cordon(
  api: Api,
  node: Candidate,
  excludeFromLoadBalancers: boolean,
  signal: AbortSignal,
): Promise<'cordoned' | 'replaced'> {
  const labels = excludeFromLoadBalancers ? { labels: { [EXCLUSION_LABEL]: 'true' } } : {};
  try {
    await api.call({
      verb: 'patch',
      path: `/api/v1/nodes/${encodeURIComponent(node.name)}`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid: node.uid, ...labels }, spec: { unschedulable: true } },
      signal,
    });
    return 'cordoned';
  } catch (error) {
    if (error instanceof ApiError && error.code === 404 && error.status?.details?.name === node.name) return 'replaced';
    // A patch whose UID is another's is invalid (422), where an update would be a conflict.
    if (error instanceof ApiError && error.code === 422 && /metadata\.uid/.test(error.message)) return 'replaced';
    throw deniedOr(error);
  }
}

/** Resolves when the node is deleted, or its name belongs to another node; rejects when aborted or denied. */
export async function untilNodeIsGone(
  api: Api,
  node: Candidate,
  { clock, report, signal }: { clock: Clock; report: Report; signal: AbortSignal },
): Promise<void> {
  const gone = new AbortController();
  const check = (isGone: boolean) => {
    if (isGone) gone.abort();
  };
  const collection = {
    name: `node ${node.name}`,
    path: `/api/v1/nodes?fieldSelector=${encodeURIComponent(`metadata.name=${node.name}`)}`,
    read: readNode,
  };
  const sink = {
    replace: (nodes: readonly Candidate[]) => check(!nodes.some(({ uid }) => uid === node.uid)),
    set: ({ uid }: Candidate) => check(uid !== node.uid),
    remove: ({ uid }: Candidate) => check(uid === node.uid),
  };
  const from = { items: [node], resourceVersion: node.resourceVersion };
  const watching = AbortSignal.any([signal, gone.signal]);
  await reflect(api, collection, from, sink, { clock, report, signal: watching }).catch((error: unknown) => {
    if (!gone.signal.aborted) throw error;
  });
}
