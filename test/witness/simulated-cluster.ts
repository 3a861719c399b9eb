import type { KubernetesSimulator } from '../simulator/kubernetes/simulator.ts';
import { type Kind, kinds, type WitnessedCluster } from './cluster.ts';

/**
 * The simulated API, seen from within: every write is told at once, no request is made, and no fault disturbs it.
 *
 * @param machines `stay` where later tests use the nodes again, as on a real API server; otherwise they are switched off
 */
export function simulated(kubernetes: KubernetesSimulator, machines: 'die' | 'stay' = 'die'): WitnessedCluster {
  const first = kubernetes.requests.length;
  let stop = (): void => undefined;
  return {
    observe: async (listener) => {
      stop = kubernetes.observe(({ resource, object, gone }) => {
        if (isKind(resource)) listener({ kind: resource, object, gone });
      });
    },
    caughtUp: async () => undefined,
    requests: async () => kubernetes.requests.slice(first),
    powerOff: (node, machine) => {
      if (machines === 'die') kubernetes.powerOff(node, machine);
    },
    powerOn: (node) => kubernetes.powerOn(node),
    close: () => stop(),
  };
}

function isKind(resource: string): resource is Kind {
  return kinds.some((kind) => kind === resource);
}
