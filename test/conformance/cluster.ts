import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadAllYaml } from '@kubernetes/client-node';
import { ifFound } from '../cluster/admin.ts';
import { grantAllRights } from '../cluster/all-rights.ts';
import { applyRights } from '../cluster/rights.ts';
import { openSimulatedCluster } from '../cluster/simulated-cluster.ts';
import { isSimulated, openTestCluster, type TestCluster } from '../cluster/test-cluster.ts';
import type { Faults, KubernetesFault } from '../simulator/faults.ts';
import type { Adapter } from './adapters.ts';
import type { Need } from './scenario.ts';

/** A cluster of the suite's, and its faults if it is simulated. */
export type ConformanceCluster = {
  readonly cluster: TestCluster;
  readonly faults: Faults<KubernetesFault> | undefined;
};

/** Opens the cluster that TEST_CLUSTER selects. @throws when it is unreachable */
export async function openCluster(): Promise<ConformanceCluster> {
  if (!isSimulated) return { cluster: await openTestCluster(), faults: undefined };
  const simulated = await openSimulatedCluster();
  await applyRights(simulated);
  return { cluster: simulated, faults: simulated.simulator.faults };
}

/** The right that `SURGE=blocked` needs, for whoever wants it, apart from rbac.yaml. */
const SURGE_RIGHTS = new URL('../../infra/kubernetes/surge.yaml', import.meta.url);

/** Gives the user of the drainers what the adapter needs. Resolves with a function that takes it back. */
export async function grantRights(cluster: TestCluster, { rights }: Adapter): Promise<() => Promise<void>> {
  if (rights === 'all') return grantAllRights(cluster);
  if (!existsSync(SURGE_RIGHTS)) return async () => undefined;
  const { objects } = cluster.admin;
  const manifests = loadAllYaml(await readFile(SURGE_RIGHTS, 'utf8'));
  const revoke = async () => {
    for (const manifest of manifests) await ifFound(objects.delete(manifest));
  };
  await revoke();
  for (const manifest of manifests) await objects.create(manifest);
  return revoke;
}

/** Why the cluster cannot show this; undefined: it can. */
export function missing(need: Need, { admin }: TestCluster, isPatient: boolean): string | undefined {
  const kubeconfig = process.env['KUBECONFIG'] ?? '';
  switch (need) {
    case 'simulator':
      return isSimulated ? undefined : 'needs the simulator';
    case 'policy/v1':
      return admin.policyVersion === 'policy/v1' ? undefined : 'needs policy/v1';
    case 'audit log':
      return isSimulated || existsSync(join(dirname(kubeconfig), 'audit.log')) ? undefined : 'needs an audit log';
    case 'patience':
      return isSimulated || isPatient ? undefined : 'takes minutes: --slow';
  }
}

/** Whether the node runs containers. Simulated kubelets, and those of control planes for tests, only say so. */
export async function runsContainers({ admin }: TestCluster, node: string): Promise<boolean> {
  const { status } = await admin.core.readNode({ name: node });
  return !(status?.nodeInfo?.containerRuntimeVersion ?? '').startsWith('fake:');
}
