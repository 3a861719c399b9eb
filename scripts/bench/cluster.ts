import { readFile } from 'node:fs/promises';
import type { V1Node } from '@kubernetes/client-node';
import { type Admin, adminBy, isReady } from '../../test/cluster/admin.ts';

/** The cluster that the benchmark plays on, as its administrator sees it. */
export type Cluster = Admin & {
  readonly target: string;
  readonly others: readonly string[];
  /** False for a fake kubelet, which goes by the annotations of the pods; true where containers take their own time. */
  readonly runsContainers: boolean;
  /** How many more pods the target takes. */
  readonly room: number;
};

/** @throws when the cluster does not answer, or has no two nodes for ordinary pods */
export async function openCluster(kubeconfig: string, wanted: string | undefined): Promise<Cluster> {
  const admin = await adminBy(await readFile(kubeconfig, 'utf8'));
  const { core } = admin;
  const workers = (await core.listNode()).items.filter(takesPods);
  const target = workers.find((node) => wanted === undefined || nameOf(node) === wanted);
  const others = workers.map(nameOf).filter((name) => name !== nameOf(target));
  if (target === undefined || others.length === 0) {
    throw new Error(
      `the benchmark needs ${wanted ?? 'a ready node'} and another one for the replacements; is one cordoned?`,
    );
  }
  const { items: there } = await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${nameOf(target)}` });
  return {
    ...admin,
    target: nameOf(target),
    others,
    runsContainers: !(target.status?.nodeInfo?.containerRuntimeVersion ?? '').startsWith('fake:'),
    room: countOf(target.status?.allocatable?.['pods']) - there.length,
  };
}

function takesPods(node: V1Node): boolean {
  const { spec } = node;
  const repels = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false;
  return isReady(node) && !repels && spec?.unschedulable !== true;
}

/** A count as the API writes it: 110, or 2k. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function countOf(quantity = '0'): number {
  return quantity.endsWith('k') ? Number(quantity.slice(0, -1)) * 1000 : Number(quantity);
}

function nameOf(node: V1Node | undefined): string {
  return node?.metadata?.name ?? '';
}
