import * as v from 'valibot';
import type { Context } from '../context.ts';
import type { Sink } from '../drain/cluster.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeDirectory, NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, asDenied, isNotFound, parseResponse } from './errors.ts';
import { listWatch, pages } from './list-watch.ts';
import { Conditions, isReady, Metadata } from './metadata.ts';

/** Pages of this size keep one answer small in a cluster of thousands of nodes. */
const PAGE = 250;

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers */
const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

const OUR_TAINT = { key: 'node-drainer/terminating', effect: 'NoSchedule' };

/** How the nodes of a cluster are looked up. Each call rejects with Denied, ApiError or ApiUnreachable. */
export function nodeDirectory(api: KubernetesClient): NodeDirectory {
  return {
    async byName(name, signal) {
      try {
        const node = await api.call({ verb: 'get', path: `/api/v1/nodes/${encodeURIComponent(name)}`, signal });
        return parseResponse(`get node ${name}`, () => readNode(node));
      } catch (error) {
        if (isNotFound(error, name)) return undefined;
        throw asDenied(error);
      }
    },
    async byLabel(key, value, signal) {
      const selector = encodeURIComponent(`${key}=${value}`);
      const nodes: NodeRef[] = [];
      const labelled = `/api/v1/nodes?labelSelector=${selector}`;
      for await (const page of pages(api, labelled, PAGE, readNode, signal)) nodes.push(...page);
      return nodes;
    },
    all: (signal) => pages(api, '/api/v1/nodes', PAGE, readNode, signal),
  };
}

/**
 * Marks the node unschedulable, and tells load balancers to stop sending to it, in one request. The UID in the patch is a
 * precondition: a node that took over the name is not touched.
 * @returns 'replaced' when the node is no longer this one; rejects with Denied, ApiError or ApiUnreachable
 */
export async function cordon(
  api: KubernetesClient,
  node: NodeRef,
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
    if (isNotFound(error, node.name)) return 'replaced';
    // A patch whose UID is another's is invalid (422), where an update would be a conflict.
    if (error instanceof ApiError && error.code === 422 && /metadata\.uid/.test(error.status?.message ?? ''))
      return 'replaced';
    throw asDenied(error);
  }
}

/**
 * Keeps `sink` told of the node that bears this name. It is told first what was found.
 * @returns never; rejects when aborted or denied
 */
export async function observeNode(
  api: KubernetesClient,
  node: NodeRef,
  sink: Sink<NodeRef>,
  surroundings: Context,
): Promise<never> {
  const collection = {
    name: `node ${node.name}`,
    path: `/api/v1/nodes?fieldSelector=${encodeURIComponent(`metadata.name=${node.name}`)}`,
    read: readNode,
  };
  sink.set(node);
  return listWatch(api, collection, { items: [node], resourceVersion: node.resourceVersion }, sink, surroundings);
}

const TaintedNode = v.object({
  metadata: v.object({ uid: v.string(), resourceVersion: v.string() }),
  spec: v.optional(v.object({ taints: v.optional(v.array(v.looseObject({ key: v.string() }))) })),
});

/** Nobody else may change the node between our read and our write; somebody may try, this often. */
const TAINT_TRIES = 5;

/**
 * Adds a taint that no DaemonSet knows, so that its pods do not come back once they are gone. (They tolerate a cordon.)
 * @returns 'replaced' when the node is no longer this one; rejects with Denied, ApiError or ApiUnreachable, and with a
 *   Failure that may pass when somebody was faster each time
 */
export async function taint(
  api: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<'tainted' | 'replaced'> {
  const path = `/api/v1/nodes/${encodeURIComponent(node.name)}`;
  for (let tries = 1; ; tries++) {
    try {
      const object = await api.call({ verb: 'get', path, signal });
      const { metadata, spec } = parseResponse(`get node ${node.name}`, () => v.parse(TaintedNode, object));
      if (metadata.uid !== node.uid) return 'replaced';
      const taints = spec?.taints ?? [];
      if (taints.some(({ key }) => key === OUR_TAINT.key)) return 'tainted';
      const body = {
        metadata: { resourceVersion: metadata.resourceVersion },
        spec: { taints: [...taints, OUR_TAINT] },
      };
      await api.call({ verb: 'patch', path, contentType: 'application/merge-patch+json', body, signal });
      return 'tainted';
    } catch (error) {
      if (isNotFound(error, node.name)) return 'replaced';
      if (error instanceof ApiError && error.code === 409) {
        if (tries < TAINT_TRIES) continue;
        throw new Failure(`node ${node.name} is changed all the time`, { cause: error, transient: true });
      }
      throw asDenied(error);
    }
  }
}

const NodeObject = v.object({
  metadata: Metadata,
  spec: v.optional(v.object({ providerID: v.optional(v.string(), ''), unschedulable: v.optional(v.boolean(), false) })),
  status: v.optional(v.object({ conditions: Conditions })),
});

/** @throws when the API sends something that is no node */
export function readNode(object: unknown): NodeRef {
  const { metadata, spec, status } = v.parse(NodeObject, object);
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    providerID: spec?.providerID ?? '',
    ready: isReady(status?.conditions),
    cordoned: spec?.unschedulable ?? false,
  };
}
