import type { RemainingPod } from '../../app/events.ts';

/** So many pods that a budget holds up, or that are going already. */
export const waitingFor = (count: number, ending = false): RemainingPod[] =>
  Array.from({ length: count }, (_, index) => ({
    pod: `shop/web-${index}`,
    uid: `web-${index}#1`,
    reason: 'budget web allows no disruption',
    ending,
    blocked: !ending,
  }));
