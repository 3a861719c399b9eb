import type { Pod } from '../../app/drain/pod.ts';

/** How a pod of a cluster in memory behaves. */
export type Life = {
  /** From its deletion until it is gone; Infinity: something holds it. */
  readonly shutdownMs?: number;
  /** From its deletion until another like it is ready on another node; absent: it is not replaced. */
  readonly replacedAfterMs?: number;
  /** Is the other one on this node, and lives as it did? */
  readonly comesBack?: boolean;
};

export type Living = Required<Pick<Life, 'shutdownMs'>> & Life & { readonly pod: Pod; readonly onNode: boolean };
