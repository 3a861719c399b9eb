import type { KubernetesSimulator } from '../simulator/kubernetes/simulator.ts';
import { type Kind, kinds, type WitnessedCluster } from './cluster.ts';

/** The simulated API, seen from within: every write is told at once, no request is made, and no fault disturbs it. */
export function simulated(kubernetes: KubernetesSimulator): WitnessedCluster {
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
    powerOff: (node) => kubernetes.powerOff(node),
    close: () => stop(),
  };
}

function isKind(resource: string): resource is Kind {
  return kinds.some((kind) => kind === resource);
}
