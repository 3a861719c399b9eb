import type { Config } from '../config/drain-config.ts';
import { type Context, retry } from '../context.ts';
import { Failure, isBug } from '../lib/errors.ts';
import { isInService } from '../lifecycle/action.ts';
import { Stopped } from '../outcome.ts';
import { undo } from './node-commands.ts';
import type { Ports } from './ports.ts';

/** A root volume is replaced within minutes, unless Auto Scaling gives up and terminates the instance. */
const RETURN_WITHIN_MS = 1_800_000;
const LOOKUP_INTERVAL_MS = 10_000;

/**
 * Waits until an instance whose root volume is replaced is in service again, and undoes what the drain did to its node. AWS
 * documents an event of the return only for groups with a launching hook: without this wait the node would stay cordoned.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html#instance-refresh-rvr-lifecycle-events
 *
 * The drain is over by then: whatever fails here is a warning. Never rejects.
 * @returns `stopped`: another task has to go on
 */
export async function restoreAfterReturn(config: Config, ports: Ports, context: Context): Promise<'ended' | 'stopped'> {
  const { target } = config;
  if (target.kind === 'node') return 'ended';
  const { report } = context;
  const mayBeCordoned = `the node of ${target.instanceId} may still be cordoned: run undo`;
  try {
    if (!(await isBackInService(target.instanceId, ports, context))) return 'ended';
    const exitCode = await undo({ ...config, onlyDrained: true }, ports, context);
    if (exitCode === 0) return 'ended';
    if (context.signal.aborted) return 'stopped';
    report({ type: 'warning', message: mayBeCordoned });
  } catch (error) {
    if (error instanceof Stopped) return 'stopped';
    if (isBug(error)) report({ type: 'run failed', error });
    report({ type: 'warning', message: mayBeCordoned, error });
  }
  return 'ended';
}

/** @returns false when the instance leaves again: that has its own event. @throws Failure when it does not return in time */
async function isBackInService(instanceId: string, ports: Ports, context: Context): Promise<boolean> {
  const { clock, signal } = context;
  const until = clock.now() + RETURN_WITHIN_MS;
  for (;;) {
    const options = { what: `look up the state of ${instanceId}`, withinMs: Math.max(0, until - clock.now()) };
    const state = await retry(options, () => ports.actions.instanceState(instanceId, signal), context);
    if (state === undefined || /Terminat/.test(state.lifecycleState)) return false;
    // Its new containers may start while a launching hook is pending.
    if (isInService(state.lifecycleState)) return true;
    if (clock.now() >= until) {
      throw new Failure(`${instanceId} is ${state.lifecycleState} after ${RETURN_WITHIN_MS / 60_000} minutes`);
    }
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
  }
}
