import type { Remaining } from '../../app/report/event.ts';

/** So many pods that a budget holds up, or that are going already. */
export const waitingFor = (count: number, ending = false): Remaining[] =>
  Array.from({ length: count }, (_, index) => ({
    pod: `shop/web-${index}`,
    uid: `web-${index}#1`,
    why: 'budget web allows none',
    ending,
    blocked: !ending,
  }));
