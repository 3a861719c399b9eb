import type { App, PodPlan } from './scenario.ts';

/** A pod as it is, whatever the API shows of it. Instants are milliseconds since the epoch. */
export type TruePod = {
  readonly uid: string;
  readonly name: string;
  readonly plan: PodPlan;
  /** `machine`: on the instance that is drained; `other`: on a machine that got its name later. */
  readonly where: 'machine' | 'other' | 'elsewhere';
  /** How often its controller had put a pod of it on the node before. */
  readonly returns: number;
  readonly bornAt: number;
  phase: 'Running' | 'Pending' | 'Succeeded';
  ready: boolean;
  /** When the API was asked to end it. */
  askedAt?: number;
  /** When its containers got their SIGTERM. */
  sigtermAt?: number;
  /** When its containers ended. */
  endedAt?: number;
  /** When its object was removed. */
  goneAt?: number;
};

export type TrueBudget = {
  readonly uid: string;
  readonly name: string;
  readonly app: App;
  minAvailable: number;
  readonly policy: 'IfHealthyBudget' | 'AlwaysAllow';
  generation: number;
  /** Its status, as the disruption controller and evictions leave it. */
  observedGeneration: number;
  allowed: number;
  healthy: number;
  expected: number;
  disrupted: Record<string, string>;
};

export type TrueNode = {
  readonly name: string;
  readonly uid: string;
  /** The instance that the machine is. */
  readonly instanceId: string;
  readonly createdAt: number;
  version: number;
  ready: 'True' | 'False' | 'Unknown';
  cordoned: boolean;
  tainted: boolean;
  /** When the label was put on it that excludes it from load balancers. */
  excludedAt?: number;
  volumesInUse: string[];
};

/** A volume that is attached to the machine. */
export type TrueVolume = {
  /** The last pod that had it. */
  pod: TruePod;
  readonly name: string;
  readonly inTree: boolean;
  detachedAt?: number;
};

export const NAMESPACE = 'shop';
export const NODE = 'node-a';

export function isRunning({ phase, endedAt }: TruePod): boolean {
  return phase === 'Running' && endedAt === undefined;
}

export function isDaemonSet({ plan: { mark } }: TruePod): boolean {
  return mark === 'daemonset' || mark === 'tolerant daemonset';
}

/** The object of the API that shows this pod. */
export function podObject(pod: TruePod, nodeName: string): object {
  const { plan } = pod;
  const state =
    pod.phase === 'Running' && pod.endedAt === undefined ? { running: {} } : { terminated: { exitCode: 0 } };
  const statuses =
    pod.phase === 'Pending' ? [] : [{ name: 'main', state: plan.sidecarOnly ? { terminated: {} } : state }];
  const kind = isDaemonSet(pod) ? 'DaemonSet' : plan.mark === 'returns' ? 'StatefulSet' : 'ReplicaSet';
  const controlled = plan.mark !== 'bare' && plan.mark !== 'mirror';
  return {
    metadata: {
      uid: pod.uid,
      namespace: NAMESPACE,
      name: pod.name,
      labels: { app: plan.app, ...(plan.mark === 'stays' && { 'node-drainer/skip': 'true' }) },
      annotations: { ...plan.annotations, ...(plan.mark === 'mirror' && { 'kubernetes.io/config.mirror': 'x' }) },
      creationTimestamp: new Date(pod.bornAt).toISOString(),
      ...(plan.finalizerMs !== undefined && { finalizers: ['example.com/protected'] }),
      ...(controlled && { ownerReferences: [{ kind, name: controllerOf(pod), controller: true }] }),
      ...(pod.askedAt !== undefined && {
        deletionTimestamp: new Date(pod.askedAt + plan.graceSeconds * 1_000).toISOString(),
        deletionGracePeriodSeconds: plan.graceSeconds,
      }),
    },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: plan.graceSeconds,
      priority: plan.mark === 'critical' ? 2_000_000_000 : 0,
      tolerations: plan.mark === 'tolerant daemonset' ? [{ operator: 'Exists' }] : [],
      volumes:
        plan.detachMs === undefined ? [] : [{ name: 'data', persistentVolumeClaim: { claimName: claimOf(pod) } }],
    },
    status: {
      phase: pod.phase,
      startTime: new Date(pod.bornAt).toISOString(),
      conditions: [{ type: 'Ready', status: pod.ready ? 'True' : 'False' }],
      containerStatuses: statuses,
      ...(plan.sidecarOnly && pod.phase !== 'Pending' && { initContainerStatuses: [{ name: 'sidecar', state }] }),
    },
  };
}

/** The name of its PersistentVolumeClaim. */
export function claimOf({ plan }: Pick<TruePod, 'plan'>): string {
  return `data-${plan.name}`;
}

/** Pods of one controller have the same plan, or the same application. */
export function controllerOf({ plan }: Pick<TruePod, 'plan'>): string {
  return plan.mark === 'returns' || plan.mark?.endsWith('daemonset') ? plan.name : plan.app;
}

export function budgetObject(budget: TrueBudget): object {
  return {
    metadata: { uid: budget.uid, namespace: NAMESPACE, name: budget.name, generation: budget.generation },
    spec: {
      selector: { matchLabels: { app: budget.app.name } },
      unhealthyPodEvictionPolicy: budget.policy,
    },
    status: {
      observedGeneration: budget.observedGeneration,
      disruptionsAllowed: budget.allowed,
      currentHealthy: budget.healthy,
      desiredHealthy: budget.minAvailable,
      expectedPods: budget.expected,
      disruptedPods: budget.disrupted,
    },
  };
}

export function nodeObject(node: TrueNode): object {
  return {
    metadata: {
      name: node.name,
      uid: node.uid,
      resourceVersion: String(node.version),
      creationTimestamp: new Date(node.createdAt).toISOString(),
      labels:
        node.excludedAt === undefined ? {} : { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' },
    },
    spec: { providerID: `aws:///eu-central-1a/${node.instanceId}`, unschedulable: node.cordoned },
    status: {
      conditions: [{ type: 'Ready', status: node.ready }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      volumesInUse: node.volumesInUse,
    },
  };
}
