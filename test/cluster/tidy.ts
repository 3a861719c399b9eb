import { ifFound } from './admin.ts';
import { HOLD } from './manifests.ts';
import { worksAgain } from './nodes.ts';
import { eventually } from './poll.ts';
import type { Scenario } from './scenario.ts';

/** Leaves nothing of the test on any node, and then lets the namespace go in its own time. */
export async function tidy(scenario: Scenario): Promise<void> {
  const { namespace, worker, lab } = scenario;
  const { core, apps } = lab.admin;
  const all = { namespace, propagationPolicy: 'Background' };
  const place = await ifFound(core.readNamespace({ name: namespace }));
  if (place !== undefined && place.metadata?.deletionTimestamp === undefined) {
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
  await worksAgain(lab.admin, worker);
}
