import { readFile } from 'node:fs/promises';
import { KubeConfig, KubernetesObjectApi, loadAllYaml } from '@kubernetes/client-node';
import type { KubernetesSimulator } from '../simulator/kubernetes/simulator.ts';

export const RBAC = new URL('../../infra/kubernetes/rbac.yaml', import.meta.url);

/** The administrator's access as of now: after the authority of the cluster was replaced it is another. */
export function administrator(kubernetes: KubernetesSimulator): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(kubernetes.kubeconfig());
  return config;
}

/** Creates what the manifest holds. */
export async function create(kubernetes: KubernetesSimulator, manifest: URL): Promise<void> {
  const objects = KubernetesObjectApi.makeApiClient(administrator(kubernetes));
  for (const object of loadAllYaml(await readFile(manifest, 'utf8'))) await objects.create(object);
}
