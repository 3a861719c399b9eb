import type { KubernetesObject, V1PodSpec, V1ReplicaSet } from '@kubernetes/client-node';
import type { Scenario } from './scenario.ts';

/** A label of the nodes to which the pods of one run can be scheduled; its value is the namespace of the run. */
export const POOL = 'bench.fargate-node-drainer/pool';

/** Has a shell, which controls how long the container takes to end. Fake kubelets do not run it. */
const IMAGE = 'registry.k8s.io/e2e-test-images/busybox:1.29-4';

export function appName(index: number): string {
  return `app${index}`;
}

/** The app of a pod: its name without the suffix that the ReplicaSet adds. */
export function appOf(pod: string): string {
  return pod.slice(0, pod.lastIndexOf('-'));
}

export function replicaSet(namespace: string, app: string, scenario: Scenario): V1ReplicaSet {
  const { podsPerApp: replicas, readyMs, shutdownMs } = scenario;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace, name: app },
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: {
        metadata: {
          labels: { app },
          // For fake kubelets. Real kubelets use the probe and the container itself.
          annotations: { 'lab/ready-ms': String(readyMs), 'lab/shutdown-ms': String(shutdownMs) },
        },
        spec: podSpec(namespace, readyMs, shutdownMs),
      },
    },
  };
}

function podSpec(namespace: string, readyMs: number, shutdownMs: number): V1PodSpec {
  const end = `sleep ${shutdownMs / 1000}; exit 0`;
  return {
    nodeSelector: { [POOL]: namespace },
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: Math.ceil(shutdownMs / 1000) + 10,
    containers: [
      {
        name: 'app',
        image: IMAGE,
        command: ['sh', '-c', `trap '${end}' TERM; while :; do sleep 3600 & wait; done`],
        readinessProbe: {
          exec: { command: ['true'] },
          initialDelaySeconds: Math.floor(readyMs / 1000),
          periodSeconds: 1,
        },
      },
    ],
  };
}

export function budget(
  apiVersion: string,
  namespace: string,
  app: string,
  maxUnavailable: number,
): KubernetesObject & { spec: unknown } {
  return {
    apiVersion,
    kind: 'PodDisruptionBudget',
    metadata: { namespace, name: app },
    spec: { maxUnavailable, selector: { matchLabels: { app } } },
  };
}
