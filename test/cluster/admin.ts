import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  PolicyApi,
  setHeaderOptions,
  type V1Node,
  type V1Pod,
} from '@kubernetes/client-node';

/** Clients with administrator access to the cluster under test. They share no code with the drainer. */
export type Admin = {
  readonly config: KubeConfig;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly objects: KubernetesObjectApi;
  /** API version of PodDisruptionBudgets in this cluster. */
  readonly policyVersion: string;
};

/** Merge patch for generated patch methods: null removes a field, an array replaces the whole array. */
export const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/** @throws when the cluster is unreachable, or denies access */
export async function adminBy(kubeconfig: string): Promise<Admin> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  await core.listNode();
  const { versions } = await config.makeApiClient(PolicyApi).getAPIGroup();
  return {
    config,
    core,
    apps: config.makeApiClient(AppsV1Api),
    objects: KubernetesObjectApi.makeApiClient(config),
    policyVersion: versions.some(({ version }) => version === 'v1') ? 'policy/v1' : 'policy/v1beta1',
  };
}

/** The HTTP status code of an API error; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

/** Whether the `Ready` condition of a node or pod is true. */
export function isReady({ status }: V1Node | V1Pod): boolean {
  return status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false;
}

/** The result of the call; undefined when the object does not exist (404). */
export async function ifFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) === 404) return undefined;
    throw error;
  }
}
