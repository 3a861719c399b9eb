import { ifFound } from './admin.ts';
import { HOLD } from './manifests.ts';
import { resetNode } from './nodes.ts';
import { eventually } from './poll.ts';
import type { Scenario } from './scenario.ts';

/** Deletes the scenario's pods, resets its node and starts the deletion of its namespace. */
export async function cleanUp(scenario: Scenario): Promise<void> {
  const { namespace, worker, cluster } = scenario;
  const { core, apps } = cluster.admin;
  const all = { namespace, propagationPolicy: 'Background' };
  const existing = await ifFound(core.readNamespace({ name: namespace }));
  if (existing !== undefined && existing.metadata?.deletionTimestamp === undefined) {
    await apps.deleteCollectionNamespacedReplicaSet(all);
    await apps.deleteCollectionNamespacedStatefulSet(all);
    await apps.deleteCollectionNamespacedDaemonSet(all);
    await core.deleteNamespace({ name: namespace });
  }
  await eventually(`${namespace} is empty`, async () => {
    const pods = await scenario.pods();
    for (const { metadata: { name = '', finalizers = [] } = {} } of pods) {
      if (finalizers.includes(HOLD)) await ifFound(scenario.release(name));
      await scenario.end(name);
    }
    return pods.length === 0 || undefined;
  });
  await resetNode(cluster.admin, worker);
}
