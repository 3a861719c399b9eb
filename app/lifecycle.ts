import { setMaxListeners } from 'node:events';
import { type Backoff, pauseMs } from './backoff.ts';
import { within } from './clock.ts';
import { Failure } from './failure.ts';
import type { LifecycleResult } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** One pending lifecycle action, seen through its hook. Calls reject when AWS fails; "it is over" is an answer. */
export type Hook = {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  /** After this long the action ends, heartbeats or not. */
  readonly globalTimeoutSeconds: number;
  beat(signal: AbortSignal): Promise<'active' | 'ended'>;
  complete(result: LifecycleResult, signal: AbortSignal): Promise<'active' | 'ended'>;
};

/** The reason that work is aborted with when no action is left to keep alive. */
export class ActionEnded extends Error {
  override readonly name = 'ActionEnded';
}

/** Longer than all of the SDK's own tries take, shorter than the shortest interval between beats. */
const BEAT_WITHIN_MS = 9_000;
const LEAST_INTERVAL_MS = 10_000;
/** The first beat is waited for no longer than this; after that, work starts and beating goes on beside it. */
const FAILED_BEAT: Backoff = { firstMs: 1_000, mostMs: 10_000 };
const COMPLETE_WITHIN_MS = 30_000;
const FAILED_COMPLETION: Backoff = { firstMs: 500, mostMs: 5_000 };

/**
 * Does the work while every action is kept alive by heartbeats. A beat that fails never ends the work; that the last
 * action has ended does, at once: its signal aborts with ActionEnded.
 *
 * @returns 'no pending action' when the first beats show that there was nothing to keep alive, and the work was not begun
 */
export async function whileBeating<T>(
  hooks: readonly Hook[],
  work: (signal: AbortSignal) => Promise<T>,
  { clock, report, signal }: Surroundings,
): Promise<T | 'no pending action'> {
  const stop = new AbortController();
  const beating = AbortSignal.any([signal, stop.signal]);
  setMaxListeners(0, beating);
  const first = await Promise.all(hooks.map((hook) => beatOnce(hook, 1, { clock, report, signal: beating })));
  const alive = new Set(hooks.filter((_, index) => first[index] !== 'ended'));
  if (hooks.length > 0 && alive.size === 0) return 'no pending action';

  const ended = [...alive].map((hook) =>
    keepBeating(hook, first[hooks.indexOf(hook)] === 'failed', { clock, report, signal: beating }).then(
      () => {
        alive.delete(hook);
        if (alive.size === 0)
          stop.abort(new ActionEnded('no lifecycle action is left: it timed out, or was completed elsewhere'));
      },
      () => undefined, // aborted: the work is over
    ),
  );
  try {
    return await work(beating);
  } finally {
    stop.abort(new Error('the work is over'));
    await Promise.all(ended);
  }
}

/** Beats until the action has ended; rejects when aborted. */
async function keepBeating(hook: Hook, failing: boolean, surroundings: Surroundings): Promise<void> {
  const { clock, signal } = surroundings;
  let failures = failing ? 1 : 0;
  for (;;) {
    await clock.sleep(failures > 0 ? pauseMs(FAILED_BEAT, failures) : intervalMs(hook), signal);
    const answer = await beatOnce(hook, failures + 1, surroundings);
    if (answer === 'ended') return;
    failures = answer === 'failed' ? failures + 1 : 0;
  }
}

/**
 * One heartbeat; what came of it is reported. Takes 9 seconds at the most.
 * @param failures how many have failed in a row, should this one fail too
 * @throws the reason of the signal, and nothing else
 */
export async function beatOnce(
  hook: Hook,
  failures: number,
  { clock, report, signal }: Surroundings,
): Promise<'active' | 'ended' | 'failed'> {
  try {
    const answer = await within(clock, BEAT_WITHIN_MS, (limited) => hook.beat(limited), signal);
    report(answer === 'active' ? { type: 'beat', hook: hook.name } : { type: 'hook ended', hook: hook.name });
    return answer;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    report({ type: 'beat failed', hook: hook.name, error, failures });
    return 'failed';
  }
}

/**
 * The pause between two beats in milliseconds: a third of the heartbeat timeout, so that two may be lost, at least 10 s,
 * and up to a tenth shorter at random, so that the drainers of a scale-in do not beat in step.
 */
export function intervalMs(
  { heartbeatTimeoutSeconds }: Pick<Hook, 'heartbeatTimeoutSeconds'>,
  random = Math.random(),
): number {
  return Math.max(LEAST_INTERVAL_MS, (heartbeatTimeoutSeconds * 1000 * (1 - random / 10)) / 3);
}

/**
 * Completes the action, on a time limit of its own: whatever ended the drain must not strand the instance.
 * @returns false when it could not be completed; that is reported here
 */
export async function complete(
  hook: Hook,
  result: LifecycleResult,
  { clock, report }: Omit<Surroundings, 'signal'>,
): Promise<boolean> {
  const until = clock.now() + COMPLETE_WITHIN_MS;
  const never = new AbortController().signal;
  for (let failures = 1; ; failures++) {
    try {
      const answer = await within(clock, until - clock.now(), (signal) => hook.complete(result, signal));
      report(
        answer === 'active'
          ? { type: 'hook completed', hook: hook.name, result }
          : { type: 'hook ended', hook: hook.name },
      );
      return true;
    } catch (error) {
      const canPass = !(error instanceof Failure) || error.passing;
      const inMs = pauseMs(FAILED_COMPLETION, failures);
      if (canPass && clock.now() + inMs < until) {
        report({ type: 'retrying', what: `complete hook ${hook.name}`, error, inMs });
        await clock.sleep(inMs, never);
        continue;
      }
      report({ type: 'completion failed', hook: hook.name, result, error });
      return false;
    }
  }
}
