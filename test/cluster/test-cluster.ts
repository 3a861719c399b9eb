import type { Admin } from './admin.ts';
import { kubeconfigLab } from './kubeconfig-cluster.ts';
import { applyRights } from './rights.ts';
import { simulatedLab } from './simulated-cluster.ts';

/** Whose bearer token it is; undefined for a token that is not to be trusted. */
export type Recognise = (token: string) => { name: string; groups: string[] } | undefined;

/** The cluster under test: a simulated one, or the one that KUBECONFIG names. The suite asks no more of it than this. */
export type Lab = {
  readonly admin: Admin;
  /** Where the API server is, and its authority's certificate in PEM. */
  readonly server: string;
  readonly certificateAuthority: string;
  /** The kubeconfig of the user `node-drainer`: a file, and its text with everything inline. */
  readonly drainerFile: string;
  readonly drainerText: string;
  /** The pods of a namespace whose eviction the API server was asked for, once for each request; undefined if it tells nobody. */
  evictionsIn(namespace: string): Promise<readonly string[]> | undefined;
  close(): Promise<void>;
};

export type LabOptions = {
  /** Recognises bearer tokens for the API server. */
  readonly recognise?: Recognise;
};

export const isSimulated = (process.env['TEST_CLUSTER'] ?? 'simulator') === 'simulator';

/** The port on which the API server of KUBECONFIG expects its TokenReview webhook; undefined if it has none. */
export const webhookPort = process.env['AUTHN_WEBHOOK_PORT'];

/**
 * Opens the cluster that TEST_CLUSTER asks for, `simulator` (the default) or `kubeconfig`, and gives the user
 * `node-drainer` what infra/kubernetes/rbac.yaml grants.
 * @throws when that cluster is not there: a suite that tested nothing must not pass
 */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const lab = await (isSimulated ? simulatedLab(options) : kubeconfigLab(options));
  await applyRights(lab);
  return lab;
}
