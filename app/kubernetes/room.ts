import * as v from 'valibot';
import { isFinished, isOfDaemonSet, isTerminating, nameOf } from '../drain/pod.ts';
import type { NodeRoom, NodeTerm, PodNeeds, Resources, Room } from '../run/room.ts';
import type { KubernetesClient } from './client.ts';
import { listPages } from './list-watch.ts';
import { Conditions, isReady, Metadata } from './metadata.ts';
import { add, amountsOf, podRequests, RequestsSpec } from './pod-requests.ts';
import { readPod } from './pods.ts';

const NODES_A_PAGE = 250;
const PODS_A_PAGE = 500;

/** So many pods without a node get their room first; a cluster that has more is short of nodes anyway. */
const MAX_PENDING = 1_000;

/** Finished pods request nothing. */
const UNFINISHED = encodeURIComponent('status.phase!=Succeeded,status.phase!=Failed');

/**
 * Reads what the pods of a node need, and what the other nodes have left: two lists of the whole cluster, page by page, of which
 * only the sum for each node is kept.
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function readRoom(client: KubernetesClient, nodeName: string, signal: AbortSignal): Promise<Room> {
  const nodes = new Map<string, Omit<NodeRoom, 'free'> & { readonly free: Record<string, number> }>();
  for await (const page of listPages(client, '/api/v1/nodes', NODES_A_PAGE, readNodeRoom, signal)) {
    for (const node of page) if (node.isOpen && node.name !== nodeName) nodes.set(node.name, node);
  }
  const leaving: PodNeeds[] = [];
  const pending: PodNeeds[] = [];
  const read = (object: unknown) => readPlacedPod(object, nodeName);
  for await (const page of listPages(client, `/api/v1/pods?fieldSelector=${UNFINISHED}`, PODS_A_PAGE, read, signal)) {
    for (const { on, requests, needs } of page) {
      if (needs === undefined) add(nodes.get(on)?.free ?? {}, requests, -1);
      else if (on === nodeName) leaving.push(needs);
      else if (pending.length < MAX_PENDING) pending.push(needs);
    }
  }
  return { leaving, pending, nodes: [...nodes.values()] };
}

const NodeObject = v.object({
  metadata: Metadata,
  spec: v.optional(
    v.object({
      unschedulable: v.optional(v.boolean(), false),
      taints: v.optional(
        v.nullable(v.array(v.object({ key: v.string(), value: v.optional(v.string(), ''), effect: v.string() }))),
      ),
    }),
  ),
  status: v.optional(
    v.object({
      conditions: Conditions,
      allocatable: v.optional(v.nullable(v.record(v.string(), v.union([v.string(), v.number()])))),
    }),
  ),
});

/** `isOpen`: it takes pods. A node that another drain has cordoned does not. */
function readNodeRoom(object: unknown): NodeRoom & { readonly isOpen: boolean; readonly free: Record<string, number> } {
  const { metadata, spec, status } = v.parse(NodeObject, object);
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    taints: spec?.taints ?? [],
    free: amountsOf(status?.allocatable),
    isOpen: isReady(status?.conditions) && spec?.unschedulable !== true && metadata.deletionTimestamp == null,
  };
}

const Requirements = v.optional(
  v.nullable(
    v.array(
      v.object({ key: v.string(), operator: v.string(), values: v.optional(v.nullable(v.array(v.string())), []) }),
    ),
  ),
);

const PlacedPod = v.object({
  spec: v.object({
    ...RequestsSpec.entries,
    nodeName: v.optional(v.string(), ''),
    nodeSelector: v.optional(v.nullable(v.record(v.string(), v.string()))),
    affinity: v.optional(
      v.nullable(
        v.object({
          nodeAffinity: v.optional(
            v.nullable(
              v.object({
                requiredDuringSchedulingIgnoredDuringExecution: v.optional(
                  v.nullable(
                    v.object({
                      nodeSelectorTerms: v.array(
                        v.object({ matchExpressions: Requirements, matchFields: Requirements }),
                      ),
                    }),
                  ),
                ),
              }),
            ),
          ),
        }),
      ),
    ),
    tolerations: v.optional(
      v.nullable(
        v.array(
          v.object({
            key: v.optional(v.string(), ''),
            operator: v.optional(v.string(), 'Equal'),
            value: v.optional(v.string(), ''),
            effect: v.optional(v.string(), ''),
          }),
        ),
      ),
    ),
  }),
});
type PlacedPod = v.InferOutput<typeof PlacedPod>;

/**
 * `on`: its node, or empty. `needs`: only of a pod that has to find a node; the others just take up room. Whoever stays on the node
 * that is drained takes up none elsewhere.
 */
function readPlacedPod(
  object: unknown,
  nodeName: string,
): { readonly on: string; readonly requests: Resources; readonly needs?: PodNeeds } {
  const { spec } = v.parse(PlacedPod, object);
  const on = spec.nodeName;
  const requests = podRequests(spec);
  if (on !== '' && on !== nodeName) return { on, requests };
  const pod = readPod(object);
  const leaves = !pod.mirror && !isOfDaemonSet(pod) && !isFinished(pod) && !isTerminating(pod);
  if (!leaves || (on === nodeName && pod.staysBy !== undefined)) return { on, requests };
  const needs: PodNeeds = {
    pod: nameOf(pod),
    requests,
    nodeSelector: spec.nodeSelector ?? {},
    nodeTerms: termsOf(spec),
    tolerations: spec.tolerations ?? [],
  };
  return { on, requests, needs };
}

function termsOf({ affinity }: PlacedPod['spec']): readonly NodeTerm[] | undefined {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const readRequirements = (requirements: v.InferOutput<typeof Requirements>) =>
    (requirements ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] }));
  return required?.nodeSelectorTerms.map(({ matchExpressions, matchFields }) => ({
    labels: readRequirements(matchExpressions),
    fields: readRequirements(matchFields),
  }));
}
