import { readFile } from 'node:fs/promises';
import { KubeConfig, KubernetesObjectApi, loadAllYaml } from '@kubernetes/client-node';
import type { KubernetesSimulator } from '../simulator/kubernetes/simulator.ts';

export const RBAC = new URL('../../infra/kubernetes/rbac.yaml', import.meta.url);

/** The administrator's current access. It changes when the certificate authority of the cluster is rotated. */
export function administrator(kubernetes: KubernetesSimulator): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(kubernetes.kubeconfig());
  return config;
}

/** Creates the objects of the manifest. */
export async function create(kubernetes: KubernetesSimulator, manifest: URL): Promise<void> {
  const objects = KubernetesObjectApi.makeApiClient(administrator(kubernetes));
  for (const object of loadAllYaml(await readFile(manifest, 'utf8'))) await objects.create(object);
}
