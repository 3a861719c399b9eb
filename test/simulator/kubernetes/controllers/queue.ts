import type { Cluster } from '../model/cluster.ts';

/**
 * A work queue as every controller has one: a key is worked on once, however often it was added meanwhile, and after what
 * added it is done. https://pkg.go.dev/k8s.io/client-go/util/workqueue
 */
export class WorkQueue {
  readonly #cluster: Cluster;
  readonly #work: (key: string) => void;
  readonly #waiting = new Set<string>();

  constructor(cluster: Cluster, work: (key: string) => void) {
    this.#cluster = cluster;
    this.#work = work;
  }

  add(key: string): void {
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    if (this.#waiting.size === 1) this.#cluster.timers.after(0, () => this.#run());
  }

  addAfter(key: string, ms: number): void {
    this.#cluster.timers.after(ms, () => this.add(key));
  }

  #run(): void {
    const keys = [...this.#waiting];
    this.#waiting.clear();
    for (const key of keys) if (!this.#cluster.timers.stopped) this.#work(key);
  }
}
