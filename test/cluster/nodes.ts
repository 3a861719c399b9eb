import assert from 'node:assert/strict';
import type { V1Node, V1NodeCondition } from '@kubernetes/client-node';
import { type Admin, ifFound, isReady, merge } from './admin.ts';

export const EXCLUSION = 'node.kubernetes.io/exclude-from-external-load-balancers';
export const EKSCTL_LABEL = 'alpha.eksctl.io/instance-id';

const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/**
 * The nodes that take ordinary pods.
 * @throws when there are fewer than two: a pod that leaves one needs another to go to
 */
export async function workers({ core }: Admin): Promise<string[]> {
  const { items } = await core.listNode();
  const names = items.filter(takesPods).map(({ metadata }) => metadata?.name ?? '');
  if (names.length < 2) {
    throw new Error(
      `the suite needs two ready, schedulable worker nodes, and the cluster has ${names.length}; is one still cordoned?`,
    );
  }
  return names;
}

function takesPods(node: V1Node): boolean {
  const { metadata, spec } = node;
  const isControlPlane = CONTROL_PLANE.some((label) => metadata?.labels?.[label] !== undefined);
  const repels = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false;
  return isReady(node) && !isControlPlane && !repels && spec?.unschedulable !== true;
}

/** A node that is none of the drain's must be as if nobody had been there. */
export async function assertUntouched({ core }: Admin, name: string): Promise<void> {
  const { metadata, spec } = await core.readNode({ name });
  assert.equal(spec?.unschedulable ?? false, false);
  assert.equal(metadata?.labels?.[EXCLUSION], undefined);
}

/** What a drain puts on the node to keep the pods of DaemonSets from coming back. */
export const TERMINATING_TAINT = 'node-drainer/terminating';

/** Takes off everything that a drain, or a test, put on the node. */
export async function worksAgain({ core }: Admin, name: string): Promise<void> {
  const labels = { [EXCLUSION]: null, [EKSCTL_LABEL]: null };
  await ifFound(core.patchNode({ name, body: { metadata: { labels }, spec: { unschedulable: null } } }, merge));
  const node = await ifFound(core.readNode({ name }));
  const taints = node?.spec?.taints?.filter(({ key }) => key !== TERMINATING_TAINT);
  if (taints?.length === node?.spec?.taints?.length) return;
  const { resourceVersion } = node?.metadata ?? {};
  await core.patchNode({ name, body: { metadata: { resourceVersion }, spec: { taints } } }, merge);
}

/** A node object without a machine, which is said to be ready. The taint keeps everybody else's pods off it. */
export async function standIn(
  { core }: Admin,
  node: { name: string; providerID?: string; labels?: Record<string, string> },
): Promise<void> {
  const { name, providerID, labels } = node;
  const taints = [{ key: 'test.fargate-node-drainer/stand-in', effect: 'NoSchedule' }];
  const spec = providerID === undefined ? { taints } : { taints, providerID };
  const status = { conditions: [readiness('True')] };
  await core.createNode({ body: { metadata: { name, labels: { ...labels } }, spec, status } });
}

/** What is told of the kubelet of a stand-in. `Unknown`: nothing was heard of it for a while. */
export async function setReady({ core }: Admin, name: string, status: 'True' | 'False' | 'Unknown'): Promise<void> {
  await core.patchNodeStatus({ name, body: { status: { conditions: [readiness(status)] } } }, merge);
}

function readiness(status: string): V1NodeCondition {
  return { type: 'Ready', status, lastTransitionTime: new Date() };
}
