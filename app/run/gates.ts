import type { Config } from '../config/drain-config.ts';
import type { Context, TimedContext } from '../context.ts';
import { type Gate, opensAfter } from '../drain/gate.ts';
import type { Timeline } from '../timeline.ts';
import { waitForCapacity } from './capacity.ts';
import type { NodeRef } from './find-node.ts';
import type { Cluster, Ports } from './ports.ts';
import { waitForRoom } from './room.ts';
import type { RunState } from './run-state.ts';
import { withSlot } from './slot-gate.ts';
import { goesWithoutAt, queueOf } from './slots.ts';

/**
 * Does the work with what the evictions on a cordoned node wait for, in this order: the ready nodes of the group, a slot, and room
 * for the pods. Room comes behind the slot: the drains that run before this one take what seems to be free now.
 * @throws whatever the work rejects with
 */
export async function withGates<T>(
  config: Config,
  ports: Ports,
  cluster: Cluster,
  node: NodeRef,
  timeline: Timeline,
  { group, actionStartedAt = timeline.drainStartedAt }: Pick<RunState, 'group' | 'actionStartedAt'>,
  context: TimedContext,
  work: (gates: readonly Gate[], context: TimedContext) => Promise<T>,
): Promise<T> {
  const { capacityTimeoutMs, roomTimeoutMs, maxConcurrentDrains, concurrencyKey, target } = config;
  const capacity = (ms: number, group: string) => (context: Context) =>
    waitForCapacity((signal) => ports.groupCapacity(group, signal), cluster.nodes, ms, context);
  const room = (ms: number) => (context: Context) =>
    waitForRoom((signal) => cluster.readRoom(node, signal), ms, context);
  const before =
    group === undefined || capacityTimeoutMs === undefined
      ? []
      : [opensAfter({ kind: 'capacity' }, capacity(capacityTimeoutMs, group))];
  const after = roomTimeoutMs === undefined ? [] : [opensAfter({ kind: 'room' }, room(roomTimeoutMs))];
  if (maxConcurrentDrains === 0) return work([...before, ...after], context);

  const queue = queueOf(concurrencyKey, maxConcurrentDrains, node.zone, group);
  const options = {
    queue,
    node: node.name,
    startedAt: actionStartedAt,
    goesWithoutAt: goesWithoutAt(timeline),
    hasSuccessor: ports.successors !== undefined && target.kind === 'instance',
  };
  return withSlot(options, cluster.leasesOf(queue.name), context, (slot, context) =>
    work([...before, slot, ...after], context),
  );
}
