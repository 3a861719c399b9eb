import { setTimeout as pause } from 'node:timers/promises';
import { ListWatch, type V1Pod, type V1PodDisruptionBudget, Watch } from '@kubernetes/client-node';
import type { Cluster } from './cluster.ts';

/** A change of the number of disruptions that a budget allows. Times are milliseconds since the epoch. */
export type BudgetChange = { readonly app: string; readonly at: number; readonly allowed: number };

/** How many pods were on the node from a time on. */
export type PodCount = { readonly at: number; readonly pods: number };

/** Watches pods and budgets during a drain, independently of the program that drains. */
export class Witness {
  readonly podCounts: PodCount[] = [];
  readonly budgetChanges: BudgetChange[] = [];
  readonly #watches: readonly { stop(): Promise<void> }[];

  private constructor(watches: readonly { stop(): Promise<void> }[]) {
    this.#watches = watches;
  }

  /** Resolves when it has listed the pods and budgets. */
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
      if (present.delete(metadata?.uid ?? '')) witness.podCounts.push({ at: Date.now(), pods: present.size });
    });
    const allowed = new Map<string, number>();
    budgets.on('change', ({ metadata, status }) => {
      const app = metadata?.name ?? '';
      const now = status?.disruptionsAllowed ?? 0;
      if (allowed.get(app) !== now) witness.budgetChanges.push({ app, at: Date.now(), allowed: now });
      allowed.set(app, now);
    });
    for (const informer of [pods, budgets]) {
      // client-node also emits an error when it is stopped, after the measurement.
      informer.on('error', () => undefined);
      await informer.start();
    }
    witness.podCounts.push({ at: Date.now(), pods: present.size });
    return witness;
  }

  /** @param withinMs how long to wait for the event of the last pod */
  async stop(withinMs: number): Promise<void> {
    const end = Date.now() + withinMs;
    while (this.podCounts.at(-1)?.pods !== 0 && Date.now() < end) await pause(10);
    for (const watch of this.#watches) await watch.stop();
  }
}
