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
  /** Why one of its containers does not run: `CrashLoopBackOff`, `ImagePullBackOff`. Absent: it does, or has yet to start. */
  readonly failing?: string;
  /** Set once the pod was asked to end. */
  readonly deletion?: {
    /** Milliseconds since the epoch: when the grace period is over (`metadata.deletionTimestamp`). */
    readonly deadline: number;
    readonly graceSeconds: number;
  };
  readonly finalizers: readonly string[];
  /** Its own grace period: `spec.terminationGracePeriodSeconds`. */
  readonly graceSeconds: number;
  /** Is any of its containers still running, or about to? An empty status counts as running. */
  readonly running: boolean;
  /** `spec.priority` of the system classes: DNS, CNI and the like, which others need to shut down. */
  readonly critical: boolean;
  /** It asks not to be disrupted. */
  readonly doNotDisrupt?: DoNotDisrupt;
  /** Annotations whose values mean nothing, as `key=value`. */
  readonly invalidAnnotations: readonly string[];
  /** The label, annotation or toleration by which it asks to stay on the node until the instance ends. */
  readonly staysBy?: string;
  /** Names of the programs that want to be asked to end it: `spec.evictionResponders`. Absent: none. */
  readonly responders?: readonly string[];
  /** Does it tolerate any taint there is? Then nothing keeps it from coming back to this node. */
  readonly toleratesEverything: boolean;
  /** Names of its PersistentVolumeClaims. */
  readonly claims: readonly string[];
};

/** How a pod asks not to be disrupted. */
export type DoNotDisrupt = {
  /** The annotation or label that says so. */
  readonly source: string;
  /** Milliseconds since the epoch; absent: until the pod has finished. */
  readonly until?: number;
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
