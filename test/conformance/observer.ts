import * as v from 'valibot';
import { nameOf, Pod, type WitnessedCluster, type WitnessedRequest } from '../witness/cluster.ts';
import { PodHistory, type PodLife } from '../witness/history.ts';

/** The user as which every drainer runs. */
export const DRAINER_USER = 'node-drainer';

/** When the pods of one namespace started, were ready, were asked to end and were gone, and the drainer's requests for them. */
export class Observer {
  readonly #history = new PodHistory();
  readonly #cluster: WitnessedCluster;
  readonly #namespace: string;

  private constructor(cluster: WitnessedCluster, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  static async of(cluster: WitnessedCluster, namespace: string): Promise<Observer> {
    const observer = new Observer(cluster, namespace);
    await cluster.observe(({ kind, object, gone }) => {
      if (kind !== 'pods') return;
      const pod = v.parse(Pod, object);
      if (pod.metadata.namespace !== namespace) return;
      if (gone) observer.#history.gone(pod.metadata.uid, Date.now());
      else observer.#history.see(pod, Date.now());
    });
    return observer;
  }

  caughtUp(): Promise<void> {
    return this.#cluster.caughtUp();
  }

  close(): void {
    this.#cluster.close();
  }

  pods(): readonly PodLife[] {
    return this.#history.all();
  }

  /** The first pod that had this name. */
  pod(name: string): PodLife | undefined {
    return this.#history.named(this.#namespace, name)[0];
  }

  isAsked(name: string): boolean {
    return this.pod(name)?.askedAt !== undefined;
  }

  isGone(name: string): boolean {
    return this.pod(name)?.goneAt !== undefined;
  }

  /** The drainer's requests to end this pod, or any pod of the namespace; refused ones, too. The oldest first. */
  async requestsToEnd(name?: string): Promise<readonly WitnessedRequest[]> {
    return (await this.#cluster.requests())
      .filter(({ user, namespace }) => user === DRAINER_USER && namespace === this.#namespace)
      .filter(({ resource, verb }) => resource === 'pods/eviction' || (resource === 'pods' && /^delete/.test(verb)))
      .filter((request) => name === undefined || request.name === name)
      .toSorted((a, b) => a.at - b.at);
  }

  /** For how many milliseconds between two instants no pod of the app was ready, of those that were not asked to end. */
  unavailableMs(app: string, from: number, to: number): number {
    const spans = this.pods()
      .filter(({ pod }) => pod.metadata.labels['app'] === app)
      .flatMap(({ ready }) => ready)
      .toSorted((a, b) => a.from - b.from);
    let missing = 0;
    let until = from;
    for (const span of spans) {
      missing += Math.max(0, Math.min(span.from, to) - until);
      until = Math.max(until, Math.min(span.to ?? to, to));
    }
    return missing + Math.max(0, to - until);
  }

  /** The pods that are on the node, by name. */
  on(node: string): readonly string[] {
    return this.pods()
      .filter(({ pod, goneAt }) => pod.spec.nodeName === node && goneAt === undefined)
      .map(({ pod }) => nameOf(pod));
  }
}
