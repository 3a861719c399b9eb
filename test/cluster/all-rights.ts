import { CoreV1Api, KubeConfig, type V1ClusterRoleBinding } from '@kubernetes/client-node';
import { ifFound } from './admin.ts';
import { eventually } from './poll.ts';
import type { TestCluster } from './test-cluster.ts';

const BINDING = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'test-node-drainer-may-do-everything' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'node-drainer' }],
} satisfies V1ClusterRoleBinding;

/** Lets the user `node-drainer` do everything, for other drainers than ours. Resolves with a function that takes it back. */
export async function grantAllRights({ admin: { objects }, drainerText }: TestCluster): Promise<() => Promise<void>> {
  const revoke = async () => {
    await ifFound(objects.delete(BINDING));
  };
  await revoke();
  await objects.create(BINDING);
  const config = new KubeConfig();
  config.loadFromString(drainerText);
  await eventually('node-drainer may do everything', () => config.makeApiClient(CoreV1Api).listNamespace());
  return revoke;
}
