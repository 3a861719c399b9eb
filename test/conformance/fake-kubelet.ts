import type { Scenario } from '../cluster/scenario.ts';
import type { Observer } from './observer.ts';

const POLL_MS = 50;

/**
 * Ends the pods of a fake node as its kubelet would: when they have been asked to, after `lab/shutdown-ms`, or when their grace
 * period is over if that is sooner. The simulator has such a kubelet for every node; a real control plane has none for a Node object without a machine.
 * @returns stops it
 */
export function runFakeKubelet(scenario: Scenario, observer: Observer, node: string): () => void {
  const known = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();
  const endLater = (name: string, ms: number) => {
    // Whoever is no longer there when its time comes needs no end.
    timers.add(setTimeout(() => void scenario.end(name).catch(() => undefined), ms));
  };
  const poll = setInterval(() => {
    for (const { pod, askedAt, askedGrace = 0, goneAt } of observer.pods()) {
      const { name, uid, annotations } = pod.metadata;
      if (pod.spec.nodeName !== node || askedAt === undefined || goneAt !== undefined || known.has(uid)) continue;
      known.add(uid);
      endLater(name, Math.min(Number(annotations['lab/shutdown-ms'] ?? POLL_MS), askedGrace * 1_000));
    }
  }, POLL_MS);
  return () => {
    clearInterval(poll);
    for (const timer of timers) clearTimeout(timer);
  };
}
