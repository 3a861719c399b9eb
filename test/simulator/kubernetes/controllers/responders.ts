import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Eviction } from '../model/lifecycle.ts';
import { deleteObject } from '../registry/deletion.ts';

/** A program that ends pods when it is its turn. Milliseconds from then on; one that does nothing is down. */
export type Responder = {
  readonly name: string;
  /** Reports that it works on it. */
  readonly reportsAfterMs?: number;
  /** Deletes the pod, with its grace period. */
  readonly deletesAfterMs?: number;
  /** Declines, or is done: the next responder gets its turn. */
  readonly completesAfterMs?: number;
};

/** Runs responders, which are no part of Kubernetes. */
export function runResponders(cluster: Cluster, responders: readonly Responder[]): void {
  const { evictions, pods } = cluster.tables;
  const started = new Set<string>();
  const current = ({ metadata }: Eviction, name: string): Eviction | undefined => {
    const eviction = evictions.get(metadata.namespace, metadata.name);
    const isActive = eviction?.status?.targetResponders?.some((one) => one.name === name && one.state === 'Active');
    return isActive === true ? eviction : undefined;
  };
  const set = (eviction: Eviction, name: string, times: object) => {
    const found = current(eviction, name);
    if (found === undefined) return;
    const own = (found.status?.responders ?? []).map((one) => (one.name === name ? { ...one, ...times } : one));
    evictions.write({ ...found, status: { ...found.status, responders: own } });
  };
  const after = (ms: number | undefined, work: () => void) => {
    if (ms !== undefined) cluster.timers.after(ms, work);
  };
  evictions.subscribe(({ object, type }) => {
    for (const { name, reportsAfterMs, deletesAfterMs, completesAfterMs } of responders) {
      const key = `${object.metadata.uid} ${name}`;
      if (type === 'DELETED' || started.has(key) || current(object, name) === undefined) continue;
      started.add(key);
      after(reportsAfterMs, () => set(object, name, { heartbeatTime: timestamp() }));
      after(completesAfterMs, () => set(object, name, { completionTime: timestamp() }));
      after(deletesAfterMs, () => {
        const { uid } = object.spec.target.pod;
        const [pod] = current(object, name) === undefined ? [] : pods.by('uid', uid);
        if (pod === undefined) return;
        deleteObject(cluster, pods, pod.metadata.namespace, pod.metadata.name, { preconditions: { uid } });
      });
    }
  });
}
