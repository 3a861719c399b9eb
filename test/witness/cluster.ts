import * as v from 'valibot';

/** What the witness asks of a cluster. The simulated API gives it within the process, a real API server by lists and watches. */
export type WitnessedCluster = {
  /**
   * Tells the listener of every object of these kinds that is there, and from then on of every change.
   * Resolves once all that are there have been told.
   */
  observe(listener: (change: Change) => void): Promise<void>;
  /** Resolves when everything that happened before this call has been told. */
  caughtUp(): Promise<void>;
  /** The requests that the API server answered since `observe`, as it recorded them itself. */
  requests(): Promise<readonly WitnessedRequest[]>;
  /** Switches the node's machine off, where the cluster can do that: for good, or until it is switched on. */
  powerOff(node: string, machine: 'gone' | 'stopped'): void;
  powerOn(node: string): void;
  close(): void;
};

export const kinds = [
  'nodes',
  'pods',
  'services',
  'persistentvolumes',
  'volumeattachments',
  'daemonsets',
  'poddisruptionbudgets',
] as const;
export type Kind = (typeof kinds)[number];

export type Change = { readonly kind: Kind; readonly object: unknown; readonly gone: boolean };

export type WitnessedRequest = {
  /** Milliseconds since the epoch: when the server got it. */
  readonly at: number;
  readonly user: string;
  /** As RBAC names it: `create`, `patch`, `delete`, … */
  readonly verb: string;
  /** With its subresource: `pods/eviction`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** Of the answer; 0 when there was none. */
  readonly status: number;
};

const strings = v.optional(v.record(v.string(), v.string()), {});
const Meta = v.object({
  name: v.string(),
  namespace: v.optional(v.string(), ''),
  uid: v.string(),
  labels: strings,
  annotations: strings,
  deletionTimestamp: v.optional(v.string()),
  deletionGracePeriodSeconds: v.optional(v.number()),
  ownerReferences: v.optional(
    v.array(
      v.object({
        apiVersion: v.string(),
        kind: v.string(),
        name: v.string(),
        uid: v.string(),
        controller: v.optional(v.boolean()),
      }),
    ),
    [],
  ),
});
const conditions = v.optional(v.array(v.object({ type: v.string(), status: v.string() })), []);
const ContainerStatuses = v.optional(
  v.array(v.object({ name: v.string(), state: v.optional(v.object({ running: v.optional(v.unknown()) })) })),
  [],
);

export const Pod = v.object({
  metadata: Meta,
  spec: v.object({
    nodeName: v.optional(v.string()),
    terminationGracePeriodSeconds: v.optional(v.number(), 30),
    tolerations: v.optional(v.array(v.object({ key: v.optional(v.string(), '') })), []),
    volumes: v.optional(
      v.array(v.object({ persistentVolumeClaim: v.optional(v.object({ claimName: v.string() })) })),
      [],
    ),
  }),
  status: v.optional(
    v.object({
      phase: v.optional(v.string(), 'Pending'),
      conditions,
      containerStatuses: ContainerStatuses,
      initContainerStatuses: ContainerStatuses,
      ephemeralContainerStatuses: ContainerStatuses,
    }),
    {},
  ),
});
export const Node = v.object({
  metadata: Meta,
  spec: v.optional(
    v.object({
      providerID: v.optional(v.string(), ''),
      taints: v.optional(v.array(v.object({ key: v.string() })), []),
    }),
    {},
  ),
  status: v.optional(
    v.object({
      volumesInUse: v.optional(v.array(v.string()), []),
      addresses: v.optional(v.array(v.object({ type: v.string(), address: v.string() })), []),
    }),
    {},
  ),
});
export const Service = v.object({
  metadata: Meta,
  spec: v.object({
    type: v.optional(v.string(), 'ClusterIP'),
    externalTrafficPolicy: v.optional(v.string(), 'Cluster'),
    selector: strings,
  }),
});
export const PersistentVolume = v.object({
  metadata: Meta,
  spec: v.object({
    claimRef: v.optional(v.object({ namespace: v.optional(v.string(), ''), name: v.optional(v.string(), '') })),
  }),
});
export const VolumeAttachment = v.object({
  metadata: Meta,
  spec: v.object({
    nodeName: v.string(),
    source: v.object({ persistentVolumeName: v.optional(v.string()) }),
  }),
});
export const DaemonSet = v.object({ metadata: Meta });
export const PodDisruptionBudget = v.object({
  apiVersion: v.optional(v.string(), 'policy/v1'),
  metadata: Meta,
  spec: v.object({
    selector: v.optional(
      v.object({
        matchLabels: v.optional(v.record(v.string(), v.string())),
        matchExpressions: v.optional(
          v.array(v.object({ key: v.string(), operator: v.string(), values: v.optional(v.array(v.string())) })),
        ),
      }),
    ),
    unhealthyPodEvictionPolicy: v.optional(v.string()),
  }),
  status: v.optional(v.object({ desiredHealthy: v.optional(v.number(), 0) }), {}),
});

export type Pod = v.InferOutput<typeof Pod>;
export type Node = v.InferOutput<typeof Node>;
export type Service = v.InferOutput<typeof Service>;
export type PersistentVolume = v.InferOutput<typeof PersistentVolume>;
export type VolumeAttachment = v.InferOutput<typeof VolumeAttachment>;
export type PodDisruptionBudget = v.InferOutput<typeof PodDisruptionBudget>;

/** `namespace/name`, as kubectl prints it. */
export function nameOf({ metadata }: { readonly metadata: v.InferOutput<typeof Meta> }): string {
  return metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
