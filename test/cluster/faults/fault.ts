import type { TestContext } from 'node:test';
import type { FaultRule, SimulatedRequest } from '../../simulator/faults.ts';
import type { KubernetesSimulator } from '../../simulator/kubernetes/simulator.ts';

/** Injects a fault into the drainer's requests only, until the test ends. */
export function fault(t: TestContext, { faults }: KubernetesSimulator, rule: FaultRule): { hits(): number } {
  const { remove, hits } = faults.add({
    ...rule,
    when: (request) => request.headers['user-agent']?.startsWith('fargate-node-drainer') === true && rule.when(request),
  });
  t.after(remove);
  return { hits };
}

export function isEviction({ path }: SimulatedRequest): boolean {
  return path.endsWith('/eviction');
}
