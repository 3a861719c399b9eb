import type {
  V1DaemonSet,
  V1Deployment,
  V1DeploymentSpec,
  V1ObjectMeta,
  V1OwnerReference,
  V1Pod,
  V1PodDisruptionBudgetSpec,
  V1PodSpec,
  V1PodTemplateSpec,
  V1ReplicaSet,
  V1StatefulSet,
} from '@kubernetes/client-node';

/** Runs on every architecture, does nothing, and exits on SIGTERM. */
const IMAGE = 'registry.k8s.io/pause:3.10';

/** Finalizer that keeps an object until the suite removes it. */
export const HOLD = 'test.fargate-node-drainer/hold';

/** Label of the nodes to which the pods of one test may be scheduled; its value is the test's namespace. */
export const POOL = 'test.fargate-node-drainer/pool';

/** Annotations for the simulated kubelets: time until a pod is ready, and until it has terminated (or `never`). Real kubelets ignore them. */
type Timing = { readonly 'lab/ready-ms'?: string; readonly 'lab/shutdown-ms'?: string };

export type PodOptions = {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly spec?: Partial<V1PodSpec>;
  /** Has the finalizer HOLD. */
  readonly held?: boolean;
  readonly ownerReferences?: V1OwnerReference[];
};

function podSpec(more: Partial<V1PodSpec> = {}): V1PodSpec {
  return { containers: [{ name: 'pause', image: IMAGE }], automountServiceAccountToken: false, ...more };
}

/** Options for a pod that uses these PersistentVolumeClaims. */
export function withClaims(...claims: readonly string[]): Required<Pick<PodOptions, 'spec'>> {
  const volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return { spec: { volumes } };
}

/** A pod without a controller, bound to the node without the scheduler. */
export function podOn(node: string, name: string, options: PodOptions = {}): V1Pod {
  const { labels, annotations, spec, held, ownerReferences } = options;
  const metadata: V1ObjectMeta = { name, labels: { app: name, ...labels }, annotations: { ...annotations } };
  if (held === true) metadata.finalizers = [HOLD];
  if (ownerReferences !== undefined) metadata.ownerReferences = ownerReferences;
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec({ ...spec, nodeName: node }) };
}

type SetOptions = { readonly replicas: number; readonly annotations?: Timing; readonly pod?: Partial<V1PodSpec> };

/** A ReplicaSet, StatefulSet or DaemonSet whose pods run only on nodes with the namespace's POOL label. */
export function replicaSet(namespace: string, name: string, options: SetOptions): V1ReplicaSet {
  const { replicas, annotations, pod } = options;
  const selector = { matchLabels: { app: name } };
  const spec = { replicas, selector, template: template(namespace, name, annotations, pod) };
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name }, spec };
}

/** A Deployment in the same way. @param spec besides replicas, selector and template */
export function deployment(
  namespace: string,
  name: string,
  { replicas, annotations }: SetOptions,
  spec: Partial<V1DeploymentSpec> = {},
): V1Deployment {
  const selector = { matchLabels: { app: name } };
  const all = { ...spec, replicas, selector, template: template(namespace, name, annotations) };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: all };
}

export function statefulSet(namespace: string, name: string, { replicas, annotations }: SetOptions): V1StatefulSet {
  const selector = { matchLabels: { app: name } };
  const spec = { replicas, selector, serviceName: name, template: template(namespace, name, annotations) };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name }, spec };
}

export function daemonSet(namespace: string, name: string, pod: Partial<V1PodSpec> = {}): V1DaemonSet {
  const spec = { selector: { matchLabels: { app: name } }, template: template(namespace, name, {}, pod) };
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name }, spec };
}

function template(
  namespace: string,
  app: string,
  annotations: Timing = {},
  pod: Partial<V1PodSpec> = {},
): V1PodTemplateSpec {
  return {
    metadata: { labels: { app }, annotations: { ...annotations } },
    spec: podSpec({ ...pod, nodeSelector: { [POOL]: namespace } }),
  };
}

export type BudgetRule = Pick<V1PodDisruptionBudgetSpec, 'maxUnavailable' | 'minAvailable'>;
