import * as v from 'valibot';
import type { AwsSimulator } from '../simulator/aws/simulator.ts';
import { isTarget } from '../simulator/kubernetes/load-balancer.ts';
import type { KubernetesSimulator } from '../simulator/kubernetes/simulator.ts';
import { Node } from '../witness/cluster.ts';

/**
 * Keeps the nodes of a cluster as targets of an instance target group, as the AWS Load Balancer Controller and the AWS cloud
 * provider do: all nodes but those that are excluded from load balancers, or about to be deleted. A cordon changes nothing.
 * https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v2.13.0/pkg/backend/endpoint_utils.go (GetTrafficProxyNodeSelector)
 *
 * @param options `syncMs`: how long the controller takes to call AWS
 * @returns how to stop it
 */
export function followNodes(
  kubernetes: Pick<KubernetesSimulator, 'observe'>,
  aws: Pick<AwsSimulator, 'registerTarget' | 'deregisterTarget'>,
  { group, port = 31_080, syncMs = 500 }: { group: string; port?: number; syncMs?: number },
): () => void {
  const registered = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();
  const stop = kubernetes.observe(({ resource, object, gone }) => {
    if (resource !== 'nodes') return;
    const { metadata, spec } = v.parse(Node, object);
    const { providerID, taints } = spec;
    const id = providerID.split('/').at(-1) ?? '';
    const deleting = gone || metadata.deletionTimestamp !== undefined;
    const balanced = { name: metadata.name, labels: metadata.labels, providerID, taints: taints.map(({ key }) => key) };
    if (isTarget({ ...balanced, deleting })) {
      if (!registered.has(id)) aws.registerTarget(group, { id, port });
      registered.add(id);
    } else if (registered.delete(id)) {
      timers.add(setTimeout(() => aws.deregisterTarget(group, { id, port }), syncMs));
    }
  });
  return () => {
    stop();
    for (const timer of timers) clearTimeout(timer);
  };
}
