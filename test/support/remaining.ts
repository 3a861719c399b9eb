import type { RemainingPod } from '../../app/events.ts';

/** Pods that a budget blocks, or that are terminating. */
export const remainingPods = (count: number, { ending = false } = {}): RemainingPod[] =>
  Array.from({ length: count }, (_, index) => ({
    pod: `shop/web-${index}`,
    uid: `web-${index}#1`,
    reason: 'budget web allows no disruption',
    ending,
    blocked: !ending,
  }));
