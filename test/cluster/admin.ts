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

/** The cluster as its administrator sees it, through a client that shares no code with the drainer. */
export type Admin = {
  readonly config: KubeConfig;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly objects: KubernetesObjectApi;
  /** The version in which this cluster takes budgets. */
  readonly policyVersion: string;
};

/** For generated patch methods: null removes a field, an array replaces the whole array. */
export const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/** @throws when the cluster does not answer, or not to an administrator */
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

/** The status code with which the API said no; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

/** What a node or a pod says of itself. */
export function isReady({ status }: V1Node | V1Pod): boolean {
  return status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false;
}

/** What the call gives, or undefined when the API says that there is no such object. */
export async function ifFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) === 404) return undefined;
    throw error;
  }
}
