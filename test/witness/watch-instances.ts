import type { WitnessedCluster } from './cluster.ts';
import { Witness, type WitnessedInstances, type WitnessOptions } from './witness.ts';

/**
 * Watches every instance that ends from now on, and whatever the drainer asks of the cluster. Ask the witness at the end of the
 * test, `noHarm(witness)` or `onlyHarm(witness, why, …)`, and stop it before the cluster.
 *
 * @param cluster `simulated(kubernetes)`, or `apiServer(kubeconfig, auditLog)`
 * @param aws the simulated AWS whose instances the nodes are; undefined for drains by the name of the node. One that a test starts
 *   later is told by `witness.follow(aws)`.
 */
export async function watchInstances(
  cluster: WitnessedCluster,
  aws: WitnessedInstances | undefined,
  options: WitnessOptions = {},
): Promise<Witness> {
  const witness = await Witness.of(cluster, options);
  if (aws !== undefined) witness.follow(aws);
  return witness;
}
