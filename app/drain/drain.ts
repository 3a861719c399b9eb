import type { Surroundings } from '../surroundings.ts';
import { Board } from './board.ts';
import { BudgetWatches } from './budget-watches.ts';
import type { Claim, DrainCluster } from './cluster.ts';
import { Evictor } from './evictor.ts';
import { Inside } from './inside.ts';
import { Newcomers } from './newcomers.ts';
import { NodeWatch } from './node-watch.ts';
import { type ActionEnd, Notices, remaining } from './notices.ts';
import { isDone, plan } from './plan.ts';
import { nameOf } from './pod.ts';
import { atFirst, type Circumstances } from './standing.ts';

export type DrainOptions = {
  /** Milliseconds since the epoch at which the drain's own time is up, and what then. Absent: it takes what it takes. */
  readonly deadline?: { readonly at: number; readonly policy: 'continue' | 'abandon' | 'force' };
  /** When the lifecycle action ends whatever we do, when to warn of it, and when all that is left is asked at once. */
  readonly actionEnd?: ActionEnd;
  readonly drainDaemonSets: boolean;
  /** Milliseconds since the epoch: until then, pods that ask to be left to finish are. */
  readonly courtesyUntil: number;
};

export type Drained = {
  readonly kind: 'drained' | 'deadline';
  readonly claims: readonly Claim[];
  readonly nodeReady: boolean;
};

/** An empty node is not believed sooner after the cordon: a pod that was already scheduled may still be bound to it. */
const QUIET_MS = 1_000;

/**
 * Drains a cordoned node: everything on it is evicted but DaemonSet pods, static pods and finished pods, and waited for
 * until the API shows that it is gone. Where it differs from `kubectl drain`, and why:
 *
 * - it looks at what is, again and again, and acts on that (plan.ts); kubectl lists once and follows each pod on its own,
 *   so it misses pods that arrive later;
 * - a pod whose budget refuses is asked for again the moment the budget's status allows it, not every 5 seconds;
 * - only a UID that has disappeared is gone: a StatefulSet pod that came back under its name is somebody else;
 * - no failure of the API ends it, only being denied; otherwise it ends when its signal aborts.
 *
 * @returns how it ended, the volume claims of the pods that went, and whether the kubelet was alive in the end; rejects with the signal's reason, with NodeGone, or
 *   with Denied when the API forbids what it needs
 */
export async function drain(
  cluster: DrainCluster,
  options: DrainOptions,
  surroundings: Surroundings,
): Promise<Drained> {
  const inside = new Inside(surroundings);
  const { clock, report, signal } = inside;
  const board = new Board((pod, proof) => report({ type: 'pod gone', pod: nameOf(pod), proof }));
  const budgets = new BudgetWatches(cluster, board, inside);
  const evictor = new Evictor(cluster, board, inside);
  const newcomers = new Newcomers(cluster, board, inside);
  const quietAt = clock.now() + QUIET_MS;
  const notices = new Notices(report, clock.now(), options.actionEnd);
  const node = new NodeWatch(cluster, inside);
  const pods = board.podSink(clock.now, inside.ring);
  const ended = (kind: Drained['kind']) => ({ kind, claims: board.claims, nodeReady: node.isReady });
  const first: typeof pods.replace = (items) => {
    if (!board.isListed) newcomers.know(items);
    pods.replace(items);
  };
  inside.beside(cluster.observePods({ ...pods, replace: first }, signal));
  let deadline = options.deadline;
  let actionEnd = options.actionEnd;
  const { drainDaemonSets, courtesyUntil } = options;
  let circumstances = atFirst({ drainDaemonSets, courtesyUntil });

  try {
    for (;;) {
      const now = clock.now();
      circumstances = { ...circumstances, nodeReady: node.isReady };
      const current = plan(board.observed(now), now, circumstances);
      notices.tell(current, board.isListed, now);
      if (deadline !== undefined && now >= deadline.at) {
        report({ type: 'deadline', policy: deadline.policy, remaining: remaining(current, now) });
        if (deadline.policy !== 'force') return ended('deadline');
        deadline = undefined;
        circumstances = { ...circumstances, force: true };
        continue;
      }
      // Before the first list nobody knows what is left, and nothing could be asked.
      if (actionEnd !== undefined && board.isListed && now >= actionEnd.lastResortAt) {
        notices.beginLastResort(current, actionEnd.at, now);
        actionEnd = undefined;
        circumstances = { ...circumstances, lastResort: true };
        continue;
      }
      budgets.follow(current);
      for (const { act, pod } of current.verdicts) {
        if (evictor.isFull) break;
        if (act !== 'evict' && act !== 'delete') continue;
        if (newcomers.admits(pod) && (act === 'delete' || budgets.readyFor(pod.namespace))) evictor.ask(pod, act);
      }
      if (
        isDone(current) &&
        board.isListed &&
        now >= quietAt &&
        (await isEmpty(cluster, board, circumstances, inside))
      ) {
        return ended('drained');
      }
      const lastResortAt = board.isListed ? actionEnd?.lastResortAt : undefined;
      const times = [
        notices.nextAt,
        current.wakeAt,
        newcomers.nextAt(now),
        deadline?.at,
        lastResortAt,
        now < quietAt ? quietAt : undefined,
      ];
      await inside.rung(Math.min(...times.filter((time) => time !== undefined)));
    }
  } finally {
    await inside.end();
  }
}

/** Asks the API itself, not a cache of it, whether nothing is left. What it says goes on the board either way. */
async function isEmpty(
  cluster: DrainCluster,
  board: Board,
  circumstances: Circumstances,
  { clock, signal, ring, untilItWorks }: Inside,
): Promise<boolean> {
  const pods = await untilItWorks('confirm that the node is empty', () => cluster.readPods(signal));
  board.podSink(clock.now, ring).replace(pods);
  const now = clock.now();
  return isDone(plan(board.observed(now), now, circumstances));
}
