import { setTimeout as pause } from 'node:timers/promises';
import { ListWatch, type V1Pod, type V1PodDisruptionBudget, Watch } from '@kubernetes/client-node';
import type { Cluster } from './cluster.ts';

/** When a budget changed between allowing an eviction and not. Times are milliseconds since the epoch. */
export type BudgetChange = { readonly app: string; readonly at: number; readonly allowed: number };

/** How many pods were on the node from a time on. */
export type Sighting = { readonly at: number; readonly left: number };

/** Watches what a drain does to the cluster, with eyes of its own, whoever drains. */
export class Witness {
  readonly sightings: Sighting[] = [];
  readonly budgetChanges: BudgetChange[] = [];
  readonly #watches: readonly { stop(): Promise<void> }[];

  private constructor(watches: readonly { stop(): Promise<void> }[]) {
    this.#watches = watches;
  }

  /** Resolves when it sees what there is. */
  static async start({ config, core, objects, policyVersion, target }: Cluster, namespace: string): Promise<Witness> {
    const watch = new Watch(config);
    const fieldSelector = `spec.nodeName=${target}`;
    const pods = new ListWatch<V1Pod>(
      `/api/v1/namespaces/${namespace}/pods`,
      watch,
      () => core.listNamespacedPod({ namespace, fieldSelector }),
      false,
      undefined,
      fieldSelector,
    );
    const budgets = new ListWatch<V1PodDisruptionBudget>(
      `/apis/${policyVersion}/namespaces/${namespace}/poddisruptionbudgets`,
      watch,
      () => objects.list<V1PodDisruptionBudget>(policyVersion, 'PodDisruptionBudget', namespace),
      false,
    );
    const witness = new Witness([pods, budgets]);
    const present = new Set<string>();
    pods.on('add', ({ metadata }) => present.add(metadata?.uid ?? ''));
    pods.on('delete', ({ metadata }) => {
      if (present.delete(metadata?.uid ?? '')) witness.sightings.push({ at: Date.now(), left: present.size });
    });
    const allowed = new Map<string, number>();
    budgets.on('change', ({ metadata, status }) => {
      const app = metadata?.name ?? '';
      const now = status?.disruptionsAllowed ?? 0;
      if (allowed.get(app) !== now) witness.budgetChanges.push({ app, at: Date.now(), allowed: now });
      allowed.set(app, now);
    });
    for (const informer of [pods, budgets]) {
      // Also told when it is stopped, and then there is nothing more to see.
      informer.on('error', () => undefined);
      await informer.start();
    }
    witness.sightings.push({ at: Date.now(), left: present.size });
    return witness;
  }

  /** @param withinMs how long the news of the last pod may take */
  async stop(withinMs: number): Promise<void> {
    const end = Date.now() + withinMs;
    while (this.sightings.at(-1)?.left !== 0 && Date.now() < end) await pause(10);
    for (const watch of this.#watches) await watch.stop();
  }
}
