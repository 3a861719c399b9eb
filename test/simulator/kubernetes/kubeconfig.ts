import { stringify } from 'yaml';

const tokens = { admin: 'admin-token', 'node-drainer': 'drainer-token' } as const;
export type KubeconfigUser = keyof typeof tokens;

/** A kubeconfig with everything inline: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ */
export function kubeconfigText(url: string, ca: string, user: KubeconfigUser): string {
  const authority = Buffer.from(ca).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'simulator', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [{ name: user, user: { token: tokens[user] } }],
    contexts: [{ name: 'simulator', context: { cluster: 'simulator', user } }],
    'current-context': 'simulator',
  });
}
