import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import * as v from 'valibot';
import { impersonating } from '../../scripts/local/kubeconfig.ts';
import { apiServer } from '../witness/api-server.ts';
import { adminBy } from './admin.ts';
import { serveEvictionWebhook } from './eviction-webhook.ts';
import { type TestCluster, type TestClusterOptions, webhookPort } from './test-cluster.ts';
import { reviewTokens } from './token-review.ts';

/**
 * Opens the cluster of KUBECONFIG. The drainer's kubeconfig is DRAINER_KUBECONFIG, or `drainer.conf` beside KUBECONFIG,
 * or else the administrator's, impersonating the user `node-drainer`. `audit.log` beside KUBECONFIG, if it exists,
 * is the API server's audit log of the requests.
 */
export async function openKubeconfigCluster({ authenticate }: TestClusterOptions): Promise<TestCluster> {
  const path = process.env['KUBECONFIG'];
  if (path === undefined || path === '') {
    throw new Error('TEST_CLUSTER=kubeconfig, but KUBECONFIG is not set: export KUBECONFIG=FILE');
  }
  const text = await readFile(path, 'utf8');
  const cluster = currentCluster(text, path);
  const admin = await adminBy(text).catch((cause: unknown) => {
    throw new Error(`the cluster of ${path} cannot be used: ${String(cause)}`, { cause });
  });
  const folder = await mkdtemp(join(tmpdir(), 'node-drainer-'));
  const drainerText = await drainerKubeconfig(path, text);
  const drainerFile = join(folder, 'drainer.conf');
  await writeFile(drainerFile, drainerText, { mode: 0o600 });
  const auditLog = join(dirname(path), 'audit.log');
  const stopReviews =
    authenticate !== undefined && webhookPort !== undefined
      ? await reviewTokens(Number(webhookPort), authenticate)
      : async () => undefined;
  return {
    admin,
    ...cluster,
    drainerFile,
    drainerText,
    evictionsIn: (namespace) => (existsSync(auditLog) ? evictionsIn(auditLog, namespace) : undefined),
    watched: () => apiServer(text, existsSync(auditLog) ? auditLog : undefined),
    scenarios: new Set(),
    denyEvictions: (denial) => serveEvictionWebhook(admin, denial),
    close: async () => {
      await stopReviews();
      await rm(folder, { recursive: true });
    },
  };
}

function currentCluster(text: string, path: string): { server: string; certificateAuthority: string } {
  const config = new KubeConfig();
  config.loadFromString(text);
  const { server, caData } = config.getCurrentCluster() ?? {};
  if (server === undefined || caData === undefined) {
    throw new Error(`${path} must hold its cluster's server and certificate-authority-data`);
  }
  return { server, certificateAuthority: Buffer.from(caData, 'base64').toString('utf8') };
}

async function drainerKubeconfig(path: string, text: string): Promise<string> {
  const beside = join(dirname(path), 'drainer.conf');
  const given = process.env['DRAINER_KUBECONFIG'] ?? (existsSync(beside) ? beside : undefined);
  return given === undefined ? impersonating(text, 'node-drainer') : readFile(given, 'utf8');
}

const AuditEvent = v.object({
  verb: v.string(),
  objectRef: v.object({ namespace: v.optional(v.string()), name: v.string(), subresource: v.literal('eviction') }),
});

/** https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/ */
async function evictionsIn(auditLog: string, namespace: string): Promise<string[]> {
  const lines = (await readFile(auditLog, 'utf8')).split('\n');
  return lines
    .filter((line) => line.includes('"eviction"') && line.includes(`"${namespace}"`))
    .map((line) => v.parse(AuditEvent, JSON.parse(line)))
    .filter(({ verb, objectRef }) => verb === 'create' && objectRef.namespace === namespace)
    .map(({ objectRef }) => objectRef.name);
}
