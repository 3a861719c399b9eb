import { readFile } from 'node:fs/promises';
import type { V1Node } from '@kubernetes/client-node';
import { type Admin, adminBy, isReady } from '../../test/cluster/admin.ts';

/** The cluster of the benchmark, with the access of its administrator. */
export type Cluster = Admin & {
  readonly target: string;
  readonly others: readonly string[];
  /** False for a fake kubelet, which uses the annotations of the pods; true if containers need additional time. */
  readonly runsContainers: boolean;
  /** How many more pods fit on the target. */
  readonly podCapacity: number;
};

/** @throws when the cluster does not answer, or has fewer than two nodes for ordinary pods */
export async function openCluster(kubeconfig: string, wanted: string | undefined): Promise<Cluster> {
  const admin = await adminBy(await readFile(kubeconfig, 'utf8'));
  const { core } = admin;
  const workers = (await core.listNode()).items.filter(acceptsPods);
  const target = workers.find((node) => wanted === undefined || nameOf(node) === wanted);
  const others = workers.map(nameOf).filter((name) => name !== nameOf(target));
  if (target === undefined || others.length === 0) {
    throw new Error(
      `the benchmark needs ${wanted ?? 'a ready node'} and another node for the replacements: check that neither is cordoned`,
    );
  }
  const { items: pods } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${nameOf(target)}` });
  return {
    ...admin,
    target: nameOf(target),
    others,
    runsContainers: !(target.status?.nodeInfo?.containerRuntimeVersion ?? '').startsWith('fake:'),
    podCapacity: countOf(target.status?.allocatable?.['pods']) - pods.length,
  };
}

function acceptsPods(node: V1Node): boolean {
  const { spec } = node;
  const repels = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false;
  return isReady(node) && !repels && spec?.unschedulable !== true;
}

/** A quantity such as 110 or 2k. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function countOf(quantity = '0'): number {
  return quantity.endsWith('k') ? Number(quantity.slice(0, -1)) * 1000 : Number(quantity);
}

function nameOf(node: V1Node | undefined): string {
  return node?.metadata?.name ?? '';
}
