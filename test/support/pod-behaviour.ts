import type { Pod } from '../../app/drain/pod.ts';

/** How a pod of a cluster in memory behaves. */
export type PodBehaviour = {
  /** Time from its deletion until it is gone; Infinity: never. */
  readonly shutdownMs?: number;
  /** Time from its deletion until its replacement is ready; undefined: it is not replaced. */
  readonly replacedAfterMs?: number;
  /** The replacement runs on this node and has the same behaviour. */
  readonly returnsToNode?: boolean;
};

export type SimulatedPod = Required<Pick<PodBehaviour, 'shutdownMs'>> &
  PodBehaviour & { readonly pod: Pod; readonly onNode: boolean };
