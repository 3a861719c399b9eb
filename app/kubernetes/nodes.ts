import * as v from 'valibot';
import type { Context } from '../context.ts';
import type { Sink } from '../drain/cluster.ts';
import { INSTANCE_LABEL, type NodeDirectory, type NodeRef } from '../run/find-node.ts';
import { getOptional, type KubernetesClient } from './client.ts';
import { NodeConditions, readDrainConditions } from './drain-conditions.ts';
import { parseResponse } from './errors.ts';
import { listPages, listWatch } from './list-watch.ts';
import { EXCLUSION_LABEL, Metadata, readyStatusOf } from './metadata.ts';

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
      conditions: NodeConditions,
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
    ...zoneOf(metadata.labels ?? {}),
    internalIPs: addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    ready: readyStatusOf(status?.conditions),
    cordoned: spec?.unschedulable ?? false,
    excluded: metadata.labels?.[EXCLUSION_LABEL] !== undefined,
    volumesInUse: status?.volumesInUse ?? [],
    drainConditions: readDrainConditions(status?.conditions),
  };
}

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone */
function zoneOf(labels: Readonly<Record<string, string>>): Pick<NodeRef, 'zone'> {
  const zone = labels['topology.kubernetes.io/zone'];
  return zone === undefined ? {} : { zone };
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
