import type { ClusterSource } from '../config/cluster-source.ts';
import type { Hook } from '../lifecycle/heartbeat.ts';
import type { DrainConditions } from './drain-conditions.ts';
import type { Cluster, EventSink } from './ports.ts';

/**
 * Resources acquired so far: closed at the end of the run, however it ends, and passed to a successor. Filled while the
 * run goes on, because a run that throws has to be closed, too.
 */
export type RunState = {
  hooks: readonly Hook[];
  group: string | undefined;
  /** The lifecycle action has ended, and the group retains the instance. */
  retained: boolean;
  /** The drain has ended its action with ABANDON, or tries to. */
  abandoned: boolean;
  /** The instance enters service again after its action: its root volume is replaced. */
  isReplacement: boolean;
  /** Which cluster it is; undefined: the tags of the instance have not said it yet. */
  source: ClusterSource | undefined;
  cluster: Cluster | undefined;
  events: EventSink | undefined;
  /** Of the node that is drained; undefined: none is cordoned yet. */
  conditions: DrainConditions | undefined;
  /** When this task started, in milliseconds since the epoch. */
  taskStartedAt: number | undefined;
  /** When the lifecycle action started, as the event or Auto Scaling says; milliseconds since the epoch. */
  actionStartedAt: number | undefined;
  /** When the drain started, by this task or by a predecessor; milliseconds since the epoch. */
  drainStartedAt: number | undefined;
};

export function newRunState(): RunState {
  return {
    hooks: [],
    group: undefined,
    retained: false,
    abandoned: false,
    isReplacement: false,
    source: undefined,
    cluster: undefined,
    events: undefined,
    conditions: undefined,
    taskStartedAt: undefined,
    actionStartedAt: undefined,
    drainStartedAt: undefined,
  };
}
