import type { V1Node } from '@kubernetes/client-node';
import { type Admin, ifFound, merge } from './admin.ts';

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

function takesPods({ metadata, spec, status }: V1Node): boolean {
  const isReady = status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false;
  const isControlPlane = CONTROL_PLANE.some((label) => metadata?.labels?.[label] !== undefined);
  const repels = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false;
  return isReady && !isControlPlane && !repels && spec?.unschedulable !== true;
}

/** Takes off everything that a drain, or a test, put on the node. */
export async function worksAgain({ core }: Admin, name: string): Promise<void> {
  const body = { metadata: { labels: { [EXCLUSION]: null, [EKSCTL_LABEL]: null } }, spec: { unschedulable: null } };
  await ifFound(core.patchNode({ name, body }, merge));
}

/** A node object without a machine. The taint keeps everybody else's pods off it. */
export async function standIn(
  { core }: Admin,
  node: { name: string; providerID?: string; labels?: Record<string, string> },
): Promise<void> {
  const { name, providerID, labels } = node;
  const taints = [{ key: 'test.fargate-node-drainer/stand-in', effect: 'NoSchedule' }];
  const spec = providerID === undefined ? { taints } : { taints, providerID };
  await core.createNode({ body: { metadata: { name, labels: { ...labels } }, spec } });
}
