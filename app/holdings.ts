import type { Hook } from './lifecycle.ts';
import type { ConnectedCluster, EventSink } from './ports.ts';

/** What a run has got hold of so far: what it has to let go of at its end, however it ends, and what a successor is told. */
export type Holdings = {
  hooks: readonly Hook[];
  group: string | undefined;
  cluster: ConnectedCluster | undefined;
  events: EventSink | undefined;
  /** When the lifecycle action began, as Auto Scaling said when it was asked; milliseconds since the epoch. */
  actionBeganAt: number | undefined;
  /** When the drain began, by this run or by one before it; milliseconds since the epoch. */
  drainBeganAt: number | undefined;
};

export function emptyHanded(): Holdings {
  return {
    hooks: [],
    group: undefined,
    cluster: undefined,
    events: undefined,
    actionBeganAt: undefined,
    drainBeganAt: undefined,
  };
}
