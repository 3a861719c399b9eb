import * as v from 'valibot';
import { nameOf, type Pod } from '../drain/pod.ts';
import type { PeerNode, Replica, Workload } from '../drain/workload.ts';
import { LabelSelector, readSelector } from './budgets.ts';
import { getOptional, type KubernetesClient } from './client.ts';
import { parseResponse } from './errors.ts';
import type { Collection } from './list-watch.ts';
import { controllerOf, Metadata } from './metadata.ts';
import { isMarkedAsCordoned } from './node-marks.ts';
import { readPod } from './pods.ts';

const WorkloadObject = v.object({
  metadata: Metadata,
  spec: v.object({ replicas: v.optional(v.number(), 1), selector: v.optional(v.nullable(LabelSelector)) }),
});

const COLLECTIONS = { ReplicaSet: 'replicasets', StatefulSet: 'statefulsets', Deployment: 'deployments' } as const;
type Kind = keyof typeof COLLECTIONS;

/**
 * What keeps the pods of this pod's controller: for the ReplicaSet of a Deployment the Deployment, whose pods belong to two ReplicaSets
 * during a rollout.
 * @returns undefined: no such controller, or one that is none of the API group apps
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function readWorkload(
  client: KubernetesClient,
  { controller, namespace }: Pod,
  signal: AbortSignal,
): Promise<Workload | undefined> {
  if (controller === undefined || !isKind(controller.kind)) return undefined;
  const own = await readObject(client, controller.kind, namespace, controller.name, signal);
  const above = own?.owner;
  if (above?.kind !== 'Deployment') return own?.workload;
  const deployment = await readObject(client, 'Deployment', namespace, above.name, signal);
  return (deployment ?? own)?.workload;
}

function isKind(kind: string): kind is Kind {
  return kind in COLLECTIONS;
}

async function readObject(
  client: KubernetesClient,
  kind: Kind,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<{ workload: Workload; owner: { kind: string; name: string } | undefined } | undefined> {
  const path = `/apis/apps/v1/namespaces/${namespace}/${COLLECTIONS[kind]}`;
  const object = await getOptional(client, path, name, signal);
  if (object === undefined) return undefined;
  const { metadata, spec } = parseResponse(`get ${kind} ${namespace}/${name}`, () => v.parse(WorkloadObject, object));
  return {
    workload: {
      name: `${kind} ${nameOf({ namespace, name })}`,
      namespace,
      replicas: spec.replicas,
      selector: readSelector(spec.selector, 'apps/v1'),
    },
    owner: controllerOf(metadata),
  };
}

/** The pods of a workload on all nodes; `nodeName`: the node that is drained. */
export function replicasOf({ name, namespace, selector = [] }: Workload, nodeName: string): Collection<Replica> {
  return {
    name: `pods of ${name}`,
    path: `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector.map(requirementText).join(','))}`,
    read: (object) => {
      const { uid, ready, deletion } = readPod(object);
      const { spec } = v.parse(PlacedPod, object);
      const isReadyElsewhere = ready && deletion === undefined && spec?.nodeName !== nodeName;
      return { uid, readyOn: isReadyElsewhere ? spec?.nodeName : undefined };
    },
  };
}

const PlacedPod = v.object({ spec: v.optional(v.object({ nodeName: v.optional(v.string()) })) });

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#list-and-watch-filtering */
function requirementText({ key, operator, values }: NonNullable<Workload['selector']>[number]): string {
  switch (operator) {
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'NotIn':
      return `${key} notin (${values.join(',')})`;
    default:
      return `${key} in (${values.join(',')})`;
  }
}

/** The nodes that are cordoned, but for the one that is drained itself. */
export function peerNodesOf(nodeName: string): Collection<PeerNode> {
  return {
    name: 'cordoned nodes',
    path: `/api/v1/nodes?fieldSelector=${encodeURIComponent('spec.unschedulable=true')}`,
    read: (object) => {
      const { metadata } = v.parse(v.object({ metadata: Metadata }), object);
      return { name: metadata.name, isDrained: metadata.name !== nodeName && isMarkedAsCordoned(metadata) };
    },
  };
}
