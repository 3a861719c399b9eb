/** A Deployment, as far as a restart of it matters. */
export type Deployment = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly replicas: number;
  readonly paused: boolean;
  /** How many pods more than its replicas there may be during a rolling update, and how many fewer may be available. */
  readonly strategy: 'Recreate' | { readonly maxSurge: number; readonly maxUnavailable: number };
  /** The template's annotation `kubectl.kubernetes.io/restartedAt`, in milliseconds since the epoch. */
  readonly restartedAt: number | undefined;
  /** `Infinity`: it has none. */
  readonly progressDeadlineSeconds: number;
  readonly status: {
    readonly observedGeneration: number;
    /** Pods that do not terminate, of all templates. */
    readonly replicas: number;
    /** Of those: pods of the current template. */
    readonly updated: number;
    readonly available: number;
    /** The condition Progressing is False, because the progress deadline is exceeded. */
    readonly stalled: boolean;
  };
};
