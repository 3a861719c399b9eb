/** What a drain needs to know of a pod. The adapter in app/kubernetes reads it from the API. */
export type Pod = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The owner that has `controller: true`. */
  readonly controller?: { readonly kind: string; readonly name: string };
  /** A static pod's image in the API: the kubelet owns it, deleting it changes nothing. */
  readonly mirror: boolean;
  readonly phase: string;
  readonly ready: boolean;
  /** Set once the pod was asked to end. */
  readonly deletion?: {
    /** Milliseconds since the epoch: when the grace period is over (`metadata.deletionTimestamp`). */
    readonly deadline: number;
    readonly graceSeconds: number;
  };
  readonly finalizers: readonly string[];
  /** Is any of its containers still running, or about to? */
  readonly running: boolean;
  /** `spec.priority` of the system classes: DNS, CNI and the like, which others need to shut down. */
  readonly critical: boolean;
  /** The annotation by which it asks to be left to finish by itself. */
  readonly doNotDisrupt?: string;
  /** Does it tolerate any taint there is? Then nothing keeps it from coming back to this node. */
  readonly toleratesEverything: boolean;
  /** Names of its PersistentVolumeClaims. */
  readonly claims: readonly string[];
};

/** `namespace/name`, as kubectl prints it. */
export function nameOf(pod: Pick<Pod, 'namespace' | 'name'>): string {
  return `${pod.namespace}/${pod.name}`;
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
export function isFinished(pod: Pod): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}

export function isTerminating(pod: Pod): boolean {
  return pod.deletion !== undefined;
}

export function isOfDaemonSet(pod: Pod): boolean {
  return pod.controller?.kind === 'DaemonSet';
}

/** Names the controller of a pod, to count its returns. A pod without a controller does not return. */
export function controllerKeyOf({ namespace, name, controller }: Pod): string {
  return controller === undefined ? `${namespace}//${name}` : `${namespace}/${controller.kind}/${controller.name}`;
}
