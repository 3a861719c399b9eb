import * as v from 'valibot';
import type { Context } from '../context.ts';
import type { Sink } from '../drain/cluster.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeDirectory, NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';
import { ApiError, asDenied, isNotFound, parseResponse } from './errors.ts';
import { listPages, listWatch } from './list-watch.ts';
import { Conditions, isReady, Metadata } from './metadata.ts';

/** Nodes per page: keeps each response small in a cluster of thousands of nodes. */
const PAGE_SIZE = 250;

/** Looks up nodes. Every method rejects with Denied, ApiError or ApiUnreachable. */
export function nodeDirectory(client: KubernetesClient): NodeDirectory {
  return {
    async byName(name, signal) {
      try {
        const node = await client.call({ verb: 'get', path: pathOf(name), signal });
        return parseResponse(`get node ${name}`, () => readNode(node));
      } catch (error) {
        if (isNotFound(error, name)) return undefined;
        throw asDenied(error);
      }
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
  status: v.optional(v.object({ conditions: Conditions })),
});

/** @throws ValiError when the object is not a node */
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

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers */
const EXCLUSION_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Marks the node unschedulable and, optionally, excludes it from external load balancers, in one request. The UID in the patch is a
 * precondition: another node that was registered under the same name is not modified.
 * @returns 'replaced' when the node no longer exists, or another node has its name
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function cordon(
  client: KubernetesClient,
  node: NodeRef,
  excludeFromLoadBalancers: boolean,
  signal: AbortSignal,
): Promise<'cordoned' | 'replaced'> {
  const labels = excludeFromLoadBalancers ? { labels: { [EXCLUSION_LABEL]: 'true' } } : {};
  try {
    await client.call({
      verb: 'patch',
      path: pathOf(node.name),
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid: node.uid, ...labels }, spec: { unschedulable: true } },
      signal,
    });
    return 'cordoned';
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

/** Other controllers may change the node between the read and the write of its taints. */
const MAX_TAINT_ATTEMPTS = 5;

const TaintedNode = v.object({
  metadata: v.object({ uid: v.string(), resourceVersion: v.string() }),
  spec: v.optional(v.object({ taints: v.optional(v.array(v.looseObject({ key: v.string() }))) })),
});

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
  const path = pathOf(node.name);
  for (let attempt = 1; ; attempt++) {
    try {
      const object = await client.call({ verb: 'get', path, signal });
      const { metadata, spec } = parseResponse(`get node ${node.name}`, () => v.parse(TaintedNode, object));
      if (metadata.uid !== node.uid) return 'replaced';
      const taints = spec?.taints ?? [];
      if (taints.some(({ key }) => key === TERMINATING_TAINT.key)) return 'tainted';
      const body = {
        metadata: { resourceVersion: metadata.resourceVersion },
        spec: { taints: [...taints, TERMINATING_TAINT] },
      };
      await client.call({ verb: 'patch', path, contentType: 'application/merge-patch+json', body, signal });
      return 'tainted';
    } catch (error) {
      if (isNotFound(error, node.name)) return 'replaced';
      if (error instanceof ApiError && error.code === 409) {
        if (attempt < MAX_TAINT_ATTEMPTS) continue;
        throw new Failure(`could not taint node ${node.name}: a conflict on each of ${attempt} attempts`, {
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
