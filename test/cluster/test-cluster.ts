import type { KubernetesOptions } from '../simulator/kubernetes/simulator.ts';
import type { WitnessedCluster } from '../witness/cluster.ts';
import type { Admin } from './admin.ts';
import type { EvictionDenial } from './eviction-webhook.ts';
import { openKubeconfigCluster } from './kubeconfig-cluster.ts';
import { applyRights } from './rights.ts';
import type { Scenario } from './scenario.ts';
import { openSimulatedCluster } from './simulated-cluster.ts';

/** Authenticates a bearer token; undefined for an invalid one. */
export type Authenticate = (token: string) => { name: string; groups: string[] } | undefined;

/** The cluster under test: a simulated one, or the cluster of KUBECONFIG. */
export type TestCluster = {
  readonly admin: Admin;
  /** URL of the API server, and its certificate authority in PEM. */
  readonly server: string;
  readonly certificateAuthority: string;
  /** The kubeconfig of the user `node-drainer`: a file, and its text with everything inline. */
  readonly drainerFile: string;
  readonly drainerText: string;
  /** The pods of a namespace with an eviction request, once for each request; undefined without an audit log. */
  evictionsIn(namespace: string): Promise<readonly string[]> | undefined;
  /** For one witness. */
  watched(): WitnessedCluster;
  /** Of the tests that run now. */
  readonly scenarios: Set<Scenario>;
  /** Registers an admission webhook that denies the eviction of one pod. Resolves with a function that removes it. */
  denyEvictions(denial: EvictionDenial): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

export type TestClusterOptions = {
  /** Authenticates bearer tokens for the API server. */
  readonly authenticate?: Authenticate;
  /** Of the simulated cluster: its version, and what it runs. */
  readonly simulator?: Pick<KubernetesOptions, 'version' | 'responders'>;
};

export const isSimulated = (process.env['TEST_CLUSTER'] ?? 'simulator') === 'simulator';

/** The port of the TokenReview webhook that the API server of KUBECONFIG calls; undefined without one. */
export const webhookPort = process.env['AUTHN_WEBHOOK_PORT'];

/**
 * Opens the cluster that TEST_CLUSTER selects, `simulator` (the default) or `kubeconfig`, and grants the user
 * `node-drainer` the permissions in infra/kubernetes/rbac.yaml.
 * @throws when that cluster is unreachable: a suite that tests nothing must not pass
 */
export async function openTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = await (isSimulated ? openSimulatedCluster(options) : openKubeconfigCluster(options));
  await applyRights(cluster);
  return cluster;
}
