import { type Context, retry } from '../context.ts';
import { Failure } from '../lib/errors.ts';
import { type ActionDirectory, type KnownAction, phaseOf } from './action.ts';

const LOOKUP_INTERVAL_MS = 2_000;
/** From the end of the lifecycle action until Auto Scaling shows the instance as retained. The drain goes on meanwhile. */
const RETAINED_WITHIN_MS = 300_000;
/** Auto Scaling's describe calls lag behind by some seconds. */
const LAG_MS = 10_000;
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
 * another task, or a person, may have terminated it already, and Auto Scaling's answers lag behind.
 * @param hook the hook of the drain; undefined: every terminating hook of the group. The hooks of other tools are theirs.
 * @throws Failure when the instance is in service again, or AWS does not let it end; the reason of the signal
 */
export async function finishRetained(
  directory: ActionDirectory,
  instanceId: string,
  group: string,
  hook: string | undefined,
  context: Context,
): Promise<void> {
  const { clock, report, signal } = context;
  const until = clock.now() + FINISH_WITHIN_MS;
  const call: Call = (what, work) => retry({ what, withinMs: Math.max(0, until - clock.now()) }, work, context);
  const terminate = () => call(`terminate ${instanceId}`, () => directory.terminate(instanceId, signal));
  let attempt: { readonly at: number; readonly refusal: Failure | undefined } | undefined;
  for (;;) {
    const state = await call(`look up the state of ${instanceId}`, () => directory.instanceState(instanceId, signal));
    switch (state === undefined ? 'over' : phaseOf(state.lifecycleState)) {
      case 'over':
        return;
      case 'retained':
        if (attempt === undefined) {
          const refusal = await terminate().then(() => undefined, failureOf);
          attempt = { at: clock.now(), refusal };
          if (refusal === undefined) report({ type: 'retained instance terminated', instanceId, group });
        } else if (attempt.refusal !== undefined && clock.now() - attempt.at > LAG_MS) {
          // Of two tasks, the slower one is refused, too; but then the instance leaves by now.
          throw attempt.refusal;
        }
        break;
      case 'in':
        throw new Failure(`the retained instance ${instanceId} is ${state?.lifecycleState}: not terminating it`);
      default:
        if (await completeAction(directory, instanceId, group, hook, call, context)) return;
    }
    if (clock.now() >= until) {
      throw new Failure(`${instanceId} did not end within ${FINISH_WITHIN_MS / 1000} s after its drain`, {
        advice: `terminate it with aws autoscaling terminate-instance-in-auto-scaling-group --instance-id ${instanceId}`,
      });
    }
    await clock.sleep(LOOKUP_INTERVAL_MS, signal);
  }
}

type Call = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/** @returns false when no hook has an active action yet */
async function completeAction(
  directory: ActionDirectory,
  instanceId: string,
  group: string,
  hook: string | undefined,
  call: Call,
  { report, signal }: Context,
): Promise<boolean> {
  const hooksOf = (known: KnownAction) =>
    call(`describe the lifecycle hooks of ${group}`, () =>
      directory.terminatingHooks(group, instanceId, known, signal),
    );
  const named = hook === undefined ? [] : await hooksOf({ hook });
  const hooks = named.length > 0 ? named : await hooksOf({});
  const answers = await Promise.all(
    hooks.map(async (one) => {
      const answer = await call(`complete hook ${one.name}`, () => one.complete('CONTINUE', signal));
      if (answer === 'active') report({ type: 'hook completed', hook: one.name, result: 'CONTINUE' });
      return answer;
    }),
  );
  return answers.includes('active');
}

/** @throws whatever is no failure of the call: a bug, or the reason of the signal */
function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  throw error;
}
