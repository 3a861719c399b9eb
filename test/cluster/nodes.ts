import assert from 'node:assert/strict';
import type { V1Node, V1NodeCondition } from '@kubernetes/client-node';
import { type Admin, ifFound, isReady, merge } from './admin.ts';

export const EXCLUSION = 'node.kubernetes.io/exclude-from-external-load-balancers';
export const EKSCTL_LABEL = 'alpha.eksctl.io/instance-id';

const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/**
 * The names of the schedulable worker nodes.
 * @throws when there are fewer than two: an evicted pod needs another node
 */
export async function workers({ core }: Admin): Promise<string[]> {
  const { items } = await core.listNode();
  const names = items.filter(isSchedulable).map(({ metadata }) => metadata?.name ?? '');
  if (names.length < 2) {
    throw new Error(
      `the suite needs two ready, schedulable worker nodes, and the cluster has ${names.length}; is one still cordoned?`,
    );
  }
  return names;
}

function isSchedulable(node: V1Node): boolean {
  const { metadata, spec } = node;
  const isControlPlane = CONTROL_PLANE.some((label) => metadata?.labels?.[label] !== undefined);
  const hasTaint = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false;
  return isReady(node) && !isControlPlane && !hasTaint && spec?.unschedulable !== true;
}

/** Asserts that a drain has neither cordoned nor labelled the node. */
export async function assertUntouched({ core }: Admin, name: string): Promise<void> {
  const { metadata, spec } = await core.readNode({ name });
  assert.equal(spec?.unschedulable ?? false, false);
  assert.equal(metadata?.labels?.[EXCLUSION], undefined);
}

/** The taint with which a drain keeps DaemonSet pods from returning. */
export const TERMINATING_TAINT = 'node-drainer/terminating';

/** Says that the exclusion label was set by a drain. */
const EXCLUDED_BY_US = 'node-drainer/excluded-from-load-balancers';
/** Says that the cordon is that of a drain of an instance. */
const CORDONED_BY_US = 'node-drainer/cordoned';

/** Removes every label, taint and cordon of a drain or a test. */
export async function resetNode({ core }: Admin, name: string): Promise<void> {
  const labels = { [EXCLUSION]: null, [EKSCTL_LABEL]: null };
  const annotations = { [EXCLUDED_BY_US]: null, [CORDONED_BY_US]: null };
  await ifFound(
    core.patchNode({ name, body: { metadata: { labels, annotations }, spec: { unschedulable: null } } }, merge),
  );
  const node = await ifFound(core.readNode({ name }));
  const taints = node?.spec?.taints?.filter(({ key }) => key !== TERMINATING_TAINT);
  if (taints?.length === node?.spec?.taints?.length) return;
  const { resourceVersion } = node?.metadata ?? {};
  await core.patchNode({ name, body: { metadata: { resourceVersion }, spec: { taints } } }, merge);
}

/** Creates a ready Node object without a machine. Its taint repels pods of other workloads. */
export async function fakeNode(
  { core }: Admin,
  node: { name: string; providerID?: string; labels?: Record<string, string> },
): Promise<void> {
  const { name, providerID, labels } = node;
  const taints = [{ key: 'test.fargate-node-drainer/fake-node', effect: 'NoSchedule' }];
  const spec = providerID === undefined ? { taints } : { taints, providerID };
  const status = { conditions: [readiness('True')] };
  await core.createNode({ body: { metadata: { name, labels: { ...labels } }, spec, status } });
}

/** Sets the `Ready` condition of a fake node. `Unknown`: its kubelet has stopped reporting. */
export async function setReady({ core }: Admin, name: string, status: 'True' | 'False' | 'Unknown'): Promise<void> {
  await core.patchNodeStatus({ name, body: { status: { conditions: [readiness(status)] } } }, merge);
}

function readiness(status: string): V1NodeCondition {
  return { type: 'Ready', status, lastTransitionTime: new Date() };
}
