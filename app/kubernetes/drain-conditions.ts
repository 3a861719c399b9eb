import * as v from 'valibot';
import {
  DRAIN_CONDITION_TYPES,
  type DrainCondition,
  type DrainConditionType,
  type NewDrainCondition,
} from '../run/condition-types.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';
import { asDenied, isNotFound, isOtherUid } from './errors.ts';

/** The conditions of a node with what a drain needs of them. */
export const NodeConditions = v.optional(
  v.nullable(v.array(v.object({ type: v.string(), status: v.string(), reason: v.optional(v.string(), '') }))),
);

export function readDrainConditions(conditions: v.InferOutput<typeof NodeConditions>): DrainCondition[] {
  return (conditions ?? []).flatMap(({ type, status, reason }) =>
    isDrainConditionType(type) ? [{ type, status, reason }] : [],
  );
}

function isDrainConditionType(type: string): type is DrainConditionType {
  return DRAIN_CONDITION_TYPES.some((each) => each === type);
}

/**
 * Sets these conditions of the node, and no others: a strategic merge patch merges them by their type, as the kubelet and the node
 * problem detector do with theirs. A merge patch would replace all conditions, those of the kubelet, too. An API server of any version
 * accepts the types. The kubelet sends what it has changed itself, and the node lifecycle controller knows four types, none of these.
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/component-helpers/node/util/status.go (PatchNodeStatus)
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/nodelifecycle/node_lifecycle_controller.go (tryUpdateNodeHealth)
 *
 * The UID is a precondition. The time of a transition is sent only with a transition: the patch then leaves it as it is.
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function setDrainConditions(
  client: KubernetesClient,
  { name, uid }: NodeRef,
  conditions: readonly NewDrainCondition[],
  signal: AbortSignal,
): Promise<'set' | 'replaced'> {
  const body = {
    metadata: { uid },
    status: {
      conditions: conditions.map(({ type, status, reason, message, at, isTransition }) => ({
        type,
        status,
        reason,
        message,
        lastHeartbeatTime: timeOf(at),
        ...(isTransition && { lastTransitionTime: timeOf(at) }),
      })),
    },
  };
  const contentType = 'application/strategic-merge-patch+json';
  const path = `/api/v1/nodes/${encodeURIComponent(name)}/status`;
  try {
    await client.call({ verb: 'patch', path, contentType, body, signal, lowPriority: true });
    return 'set';
  } catch (error) {
    if (isNotFound(error, name) || isOtherUid(error)) return 'replaced';
    throw asDenied(error);
  }
}

/** Kubernetes writes times in whole seconds. */
function timeOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
