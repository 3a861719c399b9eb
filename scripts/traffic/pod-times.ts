import { setTimeout as pause } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { type Admin, isReady } from '../../test/cluster/admin.ts';

const POLL_MS = 50;

/** Milliseconds since the epoch. */
export type PodTime = {
  /** It was on a node that is drained. */
  readonly leaves: boolean;
  askedAt?: number;
  readyAt?: number;
  goneAt?: number;
};

/** When the pods of a namespace were asked to end, gone, and ready, as the API shows it. */
export class PodTimes {
  readonly #times = new Map<string, PodTime>();
  readonly #stopping = new AbortController();

  /** @param drained names of the nodes */
  constructor(admin: Admin, namespace: string, drained: readonly string[]) {
    void this.#follow(admin, namespace, drained);
  }

  stop(): readonly PodTime[] {
    this.#stopping.abort();
    return [...this.#times.values()];
  }

  async #follow({ core }: Admin, namespace: string, drained: readonly string[]): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const pods = await core.listNamespacedPod({ namespace, resourceVersion: '0' }).catch(() => undefined);
      if (pods !== undefined && !signal.aborted) this.#see(pods.items, drained);
      await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #see(pods: readonly V1Pod[], drained: readonly string[]): void {
    const now = Date.now();
    const present = new Set<string>();
    for (const pod of pods) {
      const { uid = '', deletionTimestamp } = pod.metadata ?? {};
      present.add(uid);
      const time = this.#times.get(uid) ?? { leaves: drained.includes(pod.spec?.nodeName ?? '') };
      this.#times.set(uid, time);
      if (deletionTimestamp !== undefined) time.askedAt ??= now;
      if (isReady(pod)) time.readyAt ??= now;
    }
    for (const [uid, time] of this.#times) if (!present.has(uid)) time.goneAt ??= now;
  }
}

/**
 * How long the pods that leave one after another need at least: for each but the last from its end until the next new pod is ready, and
 * then until the last one has gone. In seconds; undefined: not all of them left, or none was to.
 */
export function floorOf(times: readonly PodTime[]): number | undefined {
  const asked = times
    .filter(({ leaves }) => leaves)
    .map(({ askedAt }) => askedAt ?? Number.NaN)
    .sort((a, b) => a - b);
  const first = Math.min(...asked);
  const ready = times
    .filter(({ leaves, readyAt = 0 }) => !leaves && readyAt > first)
    .map(({ readyAt = 0 }) => readyAt)
    .sort((a, b) => a - b);
  const gone = Math.max(...times.filter(({ leaves }) => leaves).map(({ goneAt }) => goneAt ?? Number.NaN));
  const last = asked.at(-1) ?? Number.NaN;
  const replacing = asked.slice(0, -1).reduce((sum, at, index) => sum + Math.max(0, (ready[index] ?? at) - at), 0);
  const milliseconds = replacing + gone - last;
  return Number.isFinite(milliseconds) ? milliseconds / 1_000 : undefined;
}

/** When the last of the pods that leave was asked to end: milliseconds since the epoch; undefined: one was not. */
export function lastAskedAt(times: readonly PodTime[]): number | undefined {
  const last = Math.max(...times.filter(({ leaves }) => leaves).map(({ askedAt }) => askedAt ?? Number.NaN));
  return Number.isFinite(last) ? last : undefined;
}
