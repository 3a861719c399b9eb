import { type Context, retry } from '../context.ts';
import { Failure } from '../lib/errors.ts';
import { type ActionDirectory, phaseOf } from './action.ts';
import { completeHook } from './heartbeat.ts';

const LOOKUP_INTERVAL_MS = 2_000;
/** From the end of the lifecycle action until Auto Scaling shows the instance as retained. The drain goes on meanwhile. */
const RETAINED_WITHIN_MS = 300_000;
/** From the call that terminates a retained instance until its new lifecycle action is completed. */
const FINISH_WITHIN_MS = 300_000;

/**
 * Waits until Auto Scaling shows what became of an instance whose lifecycle action has ended: does the group retain it?
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
 * @returns false when the instance is terminated
 * @throws whatever is not transient; the reason of the signal
 */
export async function becomesRetained(
  directory: ActionDirectory,
  instanceId: string,
  context: Context,
): Promise<boolean> {
  const { clock, signal } = context;
  const until = clock.now() + RETAINED_WITHIN_MS;
  const options = { what: `look up the state of ${instanceId}`, withinMs: Number.POSITIVE_INFINITY };
  for (;;) {
    const state = await retry(options, () => directory.instanceState(instanceId, signal), context);
    const phase = state === undefined ? 'over' : phaseOf(state.lifecycleState);
    if (phase === 'retained') return true;
    // On its way to either end, the instance is Terminating:Proceed for some seconds.
    const isGone = state === undefined || (phase === 'over' && !state.lifecycleState.endsWith(':Proceed'));
    if (isGone || clock.now() >= until) return false;
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
  }
}

/**
 * Terminates a retained instance, and completes the lifecycle action that starts with it. Looks at the state again and again:
 * another task, or a person, may have terminated it already.
 * @throws Failure when the instance is in service again, or AWS does not let it end; the reason of the signal
 */
export async function finishRetained(
  directory: ActionDirectory,
  instanceId: string,
  group: string,
  context: Context,
): Promise<void> {
  const { clock, report, signal } = context;
  const until = clock.now() + FINISH_WITHIN_MS;
  let refusal: Failure | undefined;
  const call = <T>(what: string, work: () => Promise<T>) =>
    retry({ what, withinMs: Math.max(0, until - clock.now()) }, work, context);
  for (;;) {
    const state = await call(`look up the state of ${instanceId}`, () => directory.instanceState(instanceId, signal));
    switch (state === undefined ? 'over' : phaseOf(state.lifecycleState)) {
      case 'over':
        return;
      case 'retained':
        // Of two tasks, the slower one is refused: the next look shows that the instance leaves.
        if (refusal !== undefined) throw refusal;
        refusal = await call(`terminate ${instanceId}`, () => directory.terminate(instanceId, signal)).then(
          () => void report({ type: 'retained instance terminated', instanceId, group }),
          failureOf,
        );
        break;
      case 'in':
        throw new Failure(`the retained instance ${instanceId} is ${state?.lifecycleState}: not terminating it`);
      default: {
        const hooks = await call(`describe the lifecycle hooks of ${group}`, () =>
          directory.terminatingHooks(group, instanceId, {}, signal),
        );
        const completed = await Promise.all(hooks.map((hook) => completeHook(hook, 'CONTINUE', context)));
        if (completed.includes(false)) throw new Failure(`could not complete the hooks of ${instanceId}`);
      }
    }
    if (clock.now() >= until) {
      throw new Failure(`${instanceId} did not end within ${FINISH_WITHIN_MS / 1000} s after its drain`, {
        advice: `terminate it with aws autoscaling terminate-instance-in-auto-scaling-group --instance-id ${instanceId}`,
      });
    }
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
  }
}

/** @throws whatever is no failure of the call: a bug, or the reason of the signal */
function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  throw error;
}
