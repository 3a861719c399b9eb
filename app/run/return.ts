import type { Config } from '../config/drain-config.ts';
import { type Context, retry } from '../context.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { phaseOf } from '../lifecycle/action.ts';
import { Stopped } from '../outcome.ts';
import { findTarget } from './locate-node.ts';
import type { Cluster, Ports } from './ports.ts';

/** A root volume is replaced within minutes, unless Auto Scaling gives up and terminates the instance. */
const RETURN_WITHIN_MS = 1_800_000;
const LOOKUP_INTERVAL_MS = 10_000;

/**
 * Waits until an instance whose root volume is replaced is in service again, and undoes what the drain did to its node. AWS
 * documents an event of the return only for groups with a launching hook: without this wait the node would stay cordoned.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html#instance-refresh-rvr-lifecycle-events
 *
 * The drain has succeeded by then: whatever fails here is a warning, and a stop ends the wait. Never rejects.
 */
export async function restoreAfterReturn(
  config: Pick<Config, 'target' | 'unprovenNode'>,
  ports: Ports,
  cluster: Cluster | undefined,
  context: Context,
): Promise<void> {
  const { target } = config;
  if (target.kind === 'node' || cluster === undefined) return;
  const { report } = context;
  try {
    if (!(await isBackInService(target.instanceId, ports, context))) return;
    await restoreNode(config, ports, cluster, context);
  } catch (error) {
    if (isBug(error) && !(error instanceof Stopped)) report({ type: 'run failed', error });
    report({ type: 'warning', message: `the node of ${target.instanceId} may still be cordoned: undo it`, error });
  }
}

/** @returns false when the instance leaves again: that has its own event. @throws Failure when it does not return in time */
async function isBackInService(instanceId: string, ports: Ports, context: Context): Promise<boolean> {
  const { clock, signal } = context;
  const until = clock.now() + RETURN_WITHIN_MS;
  for (;;) {
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
    const options = { what: `look up the state of ${instanceId}`, withinMs: Math.max(0, until - clock.now()) };
    const state = await retry(options, () => ports.actions.instanceState(instanceId, signal), context);
    if (state === undefined || /Terminat/.test(state.lifecycleState)) return false;
    // Its new containers may start while a launching hook is pending.
    if (phaseOf(state.lifecycleState) === 'in') return true;
    if (clock.now() >= until) {
      throw new Failure(`${instanceId} is ${state.lifecycleState} after ${RETURN_WITHIN_MS / 60_000} minutes`);
    }
  }
}

async function restoreNode(
  { target, unprovenNode }: Pick<Config, 'target' | 'unprovenNode'>,
  ports: Ports,
  cluster: Cluster,
  context: Context,
): Promise<void> {
  const { report, signal } = context;
  const restore = async () => {
    const instance = target.kind === 'instance' ? await ports.describeInstance(target.instanceId, signal) : undefined;
    const found = await findTarget(target, instance, unprovenNode, cluster, signal);
    if (found === undefined) return;
    const changes = await cluster.restore(found.node, true, signal);
    if (changes !== 'replaced') report({ type: 'node restored', node: found.node.name, changes });
  };
  await retry({ what: 'put the node back into service', withinMs: RETURN_WITHIN_MS }, restore, context);
}
