import * as v from 'valibot';
import type { Context } from '../context.ts';
import type { Sink } from '../drain/cluster.ts';
import { Failure } from '../lib/errors.ts';
import { INSTANCE_LABEL, type NodeDirectory, type NodeRef } from '../run/find-node.ts';
import { getOptional, type KubernetesClient } from './client.ts';
import { ApiError, asDenied, isNotFound, parseResponse } from './errors.ts';
import { listPages, listWatch } from './list-watch.ts';
import { Conditions, Metadata, readyStatusOf, StringMap } from './metadata.ts';

/** Nodes per page: keeps each response small in a cluster of thousands of nodes. */
const PAGE_SIZE = 250;

/** Looks up nodes. Every method rejects with Denied, ApiError or ApiUnreachable. */
export function nodeDirectory(client: KubernetesClient): NodeDirectory {
  return {
    async byName(name, signal) {
      const node = await getOptional(client, '/api/v1/nodes', name, signal);
      return node === undefined ? undefined : parseResponse(`get node ${name}`, () => readNode(node));
    },
    async byLabel(key, value, signal) {
      const path = `/api/v1/nodes?labelSelector=${encodeURIComponent(`${key}=${value}`)}`;
      const nodes: NodeRef[] = [];
      for await (const page of listPages(client, path, PAGE_SIZE, readNode, signal)) nodes.push(...page);
      return nodes;
    },
    all: (signal) => listPages(client, '/api/v1/nodes', PAGE_SIZE, readNode, signal),
  };
}

const NodeObject = v.object({
  metadata: Metadata,
  spec: v.optional(v.object({ providerID: v.optional(v.string(), ''), unschedulable: v.optional(v.boolean(), false) })),
  status: v.optional(
    v.object({
      conditions: Conditions,
      addresses: v.optional(v.nullable(v.array(v.object({ type: v.string(), address: v.string() })))),
      volumesInUse: v.optional(v.nullable(v.array(v.string()))),
    }),
  ),
});

/** @throws ValiError when the object is not a node */
export function readNode(object: unknown): NodeRef {
  const { metadata, spec, status } = v.parse(NodeObject, object);
  const addresses = status?.addresses ?? [];
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    providerID: spec?.providerID ?? '',
    instanceLabel: metadata.labels?.[INSTANCE_LABEL],
    internalIPs: addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    ready: readyStatusOf(status?.conditions),
    cordoned: spec?.unschedulable ?? false,
    excluded: metadata.labels?.[EXCLUSION_LABEL] !== undefined,
    volumesInUse: status?.volumesInUse ?? [],
  };
}

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers */
const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Says that the label above is ours to remove. */
const EXCLUDED_ANNOTATION = 'node-drainer/excluded-from-load-balancers';

const EXCLUSION = { labels: { [EXCLUSION_LABEL]: 'true' }, annotations: { [EXCLUDED_ANNOTATION]: 'true' } };

/**
 * Marks the node unschedulable and, optionally, excludes it from external load balancers, in one request.
 * @returns the node after that; 'replaced' when it no longer exists, or another node has its name
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function cordon(
  client: KubernetesClient,
  node: NodeRef,
  excludeFromLoadBalancers: boolean,
  signal: AbortSignal,
): Promise<NodeRef | 'replaced'> {
  const exclusion = excludeFromLoadBalancers && !node.excluded ? EXCLUSION : {};
  return patch(client, node, { metadata: { uid: node.uid, ...exclusion }, spec: { unschedulable: true } }, signal);
}

/** Excludes the node from external load balancers. @returns and @throws as `cordon` */
export async function exclude(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<'excluded' | 'replaced'> {
  if (node.excluded) return 'excluded';
  const patched = await patch(client, node, { metadata: { uid: node.uid, ...EXCLUSION } }, signal);
  return patched === 'replaced' ? 'replaced' : 'excluded';
}

/** The UID in the body is a precondition: another node that was registered under the same name is not modified. */
async function patch(
  client: KubernetesClient,
  node: NodeRef,
  body: { readonly metadata: { readonly uid: string }; readonly spec?: object },
  signal: AbortSignal,
): Promise<NodeRef | 'replaced'> {
  try {
    const contentType = 'application/merge-patch+json';
    const patched = await client.call({ verb: 'patch', path: pathOf(node.name), contentType, body, signal });
    return parseResponse(`patch node ${node.name}`, () => readNode(patched));
  } catch (error) {
    if (isNotFound(error, node.name)) return 'replaced';
    // A patch with another UID is invalid (422); an update with one would be a conflict (409).
    if (error instanceof ApiError && error.code === 422 && /metadata\.uid/.test(error.status?.message ?? ''))
      return 'replaced';
    throw asDenied(error);
  }
}

/**
 * Passes the node, and every later change of the node with this name, to `sink`.
 * @returns never; rejects when aborted or denied
 */
export async function observeNode(
  client: KubernetesClient,
  node: NodeRef,
  sink: Sink<NodeRef>,
  context: Context,
): Promise<never> {
  const collection = {
    name: `node ${node.name}`,
    path: `/api/v1/nodes?fieldSelector=${encodeURIComponent(`metadata.name=${node.name}`)}`,
    read: readNode,
  };
  sink.set(node);
  return listWatch(client, collection, { items: [node], resourceVersion: node.resourceVersion }, sink, context);
}

const TERMINATING_TAINT = { key: 'node-drainer/terminating', effect: 'NoSchedule' };

/** Other controllers may change the node between the read and the write. */
const MAX_UPDATE_ATTEMPTS = 5;

const MarkedNode = v.object({
  metadata: v.object({ uid: v.string(), resourceVersion: v.string(), annotations: StringMap }),
  spec: v.optional(
    v.object({
      unschedulable: v.optional(v.boolean(), false),
      taints: v.optional(v.nullable(v.array(v.looseObject({ key: v.string() })))),
    }),
  ),
});
type MarkedNode = v.InferOutput<typeof MarkedNode>;

/**
 * Adds a taint that DaemonSets do not tolerate by default, so that their pods do not return once they are gone. (DaemonSets
 * tolerate a cordon.)
 * @returns 'replaced' when the node no longer exists, or another node has its name
 * @throws Denied, ApiError or ApiUnreachable; a transient Failure after a conflict on every attempt
 */
export async function taint(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<'tainted' | 'replaced'> {
  const tainted = await update(client, node, signal, ({ spec }) => {
    const taints = spec?.taints ?? [];
    if (taints.some(({ key }) => key === TERMINATING_TAINT.key)) return undefined;
    return { spec: { taints: [...taints, TERMINATING_TAINT] } };
  });
  return tainted === 'replaced' ? 'replaced' : 'tainted';
}

/**
 * Undoes what a drain did to the node: uncordons it, and removes the taint and the label that the drainer added, and no others.
 * @returns what was undone, for people; 'replaced' when the node no longer exists, or another node has its name
 * @throws as `taint`
 */
export async function restore(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<readonly string[] | 'replaced'> {
  let undone: string[] = [];
  const restored = await update(client, node, signal, ({ metadata, spec }) => {
    const taints = spec?.taints ?? [];
    const others = taints.filter(({ key }) => key !== TERMINATING_TAINT.key);
    const isExcluded = metadata.annotations?.[EXCLUDED_ANNOTATION] !== undefined;
    undone = [
      ...(spec?.unschedulable ? ['uncordoned'] : []),
      ...(others.length < taints.length ? [`taint ${TERMINATING_TAINT.key} removed`] : []),
      ...(isExcluded ? [`label ${EXCLUSION_LABEL} removed`] : []),
    ];
    if (undone.length === 0) return undefined;
    return {
      ...(isExcluded && {
        metadata: { labels: { [EXCLUSION_LABEL]: null }, annotations: { [EXCLUDED_ANNOTATION]: null } },
      }),
      spec: { unschedulable: null, ...(others.length < taints.length && { taints: others }) },
    };
  });
  return restored === 'replaced' ? 'replaced' : undone;
}

type NodePatch = { readonly metadata?: object; readonly spec: object };

/** Reads the node and patches it as it was read. @param change undefined: there is nothing to change */
async function update(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
  change: (node: MarkedNode) => NodePatch | undefined,
): Promise<'updated' | 'replaced'> {
  const path = pathOf(node.name);
  for (let attempt = 1; ; attempt++) {
    try {
      const object = await client.call({ verb: 'get', path, signal });
      const current = parseResponse(`get node ${node.name}`, () => v.parse(MarkedNode, object));
      if (current.metadata.uid !== node.uid) return 'replaced';
      const changes = change(current);
      if (changes === undefined) return 'updated';
      const { resourceVersion } = current.metadata;
      const body = { ...changes, metadata: { ...changes.metadata, resourceVersion } };
      await client.call({ verb: 'patch', path, contentType: 'application/merge-patch+json', body, signal });
      return 'updated';
    } catch (error) {
      if (isNotFound(error, node.name)) return 'replaced';
      if (error instanceof ApiError && error.code === 409) {
        if (attempt < MAX_UPDATE_ATTEMPTS) continue;
        throw new Failure(`could not update node ${node.name}: a conflict on each of ${attempt} attempts`, {
          cause: error,
          transient: true,
        });
      }
      throw asDenied(error);
    }
  }
}

function pathOf(name: string): string {
  return `/api/v1/nodes/${encodeURIComponent(name)}`;
}
