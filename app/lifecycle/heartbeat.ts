import { setMaxListeners } from 'node:events';
import { type Context, retry } from '../context.ts';
import { abortable } from '../lib/abort.ts';
import { type Backoff, backoffMs } from '../lib/backoff.ts';
import { withTimeout } from '../lib/clock.ts';
import { Failure, isBug } from '../lib/errors.ts';
import type { LifecycleResult } from '../outcome.ts';

/** One pending lifecycle action, through its hook. Calls reject when AWS fails; 'ended' is an answer. */
export type Hook = {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  /** The action ends after this long, with or without heartbeats. */
  readonly globalTimeoutSeconds: number;
  heartbeat(signal: AbortSignal): Promise<'active' | 'ended'>;
  complete(result: LifecycleResult, signal: AbortSignal): Promise<'active' | 'ended'>;
};

/** The first heartbeats found no active lifecycle action. */
export class NoPendingAction extends Error {
  override readonly name = 'NoPendingAction';
}

/** The last lifecycle action ended while the work was in progress. */
export class ActionEnded extends Error {
  override readonly name = 'ActionEnded';
}

/** Longer than all tries of the SDK take, shorter than the shortest interval between heartbeats. */
const HEARTBEAT_TIMEOUT_MS = 9_000;
const MIN_INTERVAL_MS = 10_000;
/** Between two tries to end an action with ABANDON. */
const MIN_PAUSE_MS = 5_000;
const HEARTBEAT_BACKOFF: Backoff = { firstMs: 1_000, maxMs: 10_000 };
const COMPLETE_TIMEOUT_MS = 30_000;
const COMPLETE_BACKOFF: Backoff = { firstMs: 500, maxMs: 5_000 };

/** For a group that retains its instances when their lifecycle action ends with ABANDON. */
export type Retention = {
  /** When the action is ended with ABANDON, shortly before Auto Scaling would end it; milliseconds since the epoch. */
  readonly abandonAt: number;
  /** Called before the first try to end it. */
  onAbandon(): void;
  /** The actions have ended: does the instance live on? */
  isRetained(context: Context): Promise<boolean>;
};

/**
 * Does the work while heartbeats keep every action alive. The work starts while the first heartbeats are in flight:
 * `confirmed()` resolves once they have been answered or have failed. A failed heartbeat never ends the work.
 *
 * @param retention absent: the work ends with the last action
 * @returns what the work returns
 * @throws NoPendingAction when the first heartbeats found no action to keep alive, and ActionEnded when the last action
 *   ended later. Both abort the signal of the work.
 */
export async function withHeartbeats<C extends Context, T>(
  hooks: readonly Hook[],
  context: C,
  work: (context: C & { confirmed(): Promise<void> }) => Promise<T>,
  retention?: Retention,
): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  setMaxListeners(0, signal);
  const beating = { clock: context.clock, report: context.report, signal };
  const first = firstHeartbeats(hooks, beating);
  const heartbeats = first
    .then((alive) => keepAlive(alive, retention, beating))
    .catch((error: unknown) => over.abort(error));
  const confirmed = async () => {
    await first;
  };
  try {
    return await work({ ...context, signal, confirmed });
  } finally {
    over.abort(new Error('the work is over'));
    await heartbeats;
  }
}

type LivingHook = { readonly hook: Hook; readonly failures: number };

/** The hooks to keep alive. @throws NoPendingAction, a bug, or the signal's reason */
async function firstHeartbeats(hooks: readonly Hook[], context: Context): Promise<readonly LivingHook[]> {
  const sent = await Promise.all(hooks.map(async (hook) => ({ hook, result: await sendHeartbeat(hook, 1, context) })));
  const alive = sent.filter(({ result }) => result !== 'ended');
  if (hooks.length > 0 && alive.length === 0) {
    throw new NoPendingAction('the first heartbeat found no active lifecycle action');
  }
  return alive.map(({ hook, result }) => ({ hook, failures: result === 'failed' ? 1 : 0 }));
}

/** Keeps the actions alive until the signal aborts. @throws ActionEnded, a bug, or the signal's reason */
async function keepAlive(
  hooks: readonly LivingHook[],
  retention: Retention | undefined,
  context: Context,
): Promise<void> {
  if (hooks.length === 0) return;
  await Promise.all(hooks.map((living) => heartbeatLoop(living, retention, context)));
  if (await retention?.isRetained(context)) return;
  throw new ActionEnded('no lifecycle action is left: it timed out, or was completed elsewhere');
}

/** Sends heartbeats until the action has ended, at `abandonAt` by ABANDON; rejects when aborted. */
async function heartbeatLoop(
  { hook, failures: failedBefore }: LivingHook,
  retention: Retention | undefined,
  context: Context,
): Promise<void> {
  const { clock, signal } = context;
  const { abandonAt = Number.POSITIVE_INFINITY } = retention ?? {};
  let failures = failedBefore;
  for (;;) {
    const pauseMs = failures > 0 ? backoffMs(HEARTBEAT_BACKOFF, failures) : heartbeatIntervalMs(hook);
    await clock.sleep(Math.min(pauseMs, Math.max(MIN_PAUSE_MS, abandonAt - clock.now())), signal);
    if (clock.now() >= abandonAt) {
      retention?.onAbandon();
      if (await abortable(completeHook(hook, 'ABANDON', context), signal)) return;
    }
    const result = await sendHeartbeat(hook, failures + 1, context);
    if (result === 'ended') return;
    failures = result === 'failed' ? failures + 1 : 0;
  }
}

export type HeartbeatResult = 'active' | 'ended' | 'failed';

/**
 * Sends one heartbeat and reports its result. Takes 9 seconds at most.
 * @param failures how many have failed in a row, should this one fail too
 * @throws the reason of the signal, or a bug
 */
export async function sendHeartbeat(
  hook: Hook,
  failures: number,
  { clock, report, signal }: Context,
): Promise<HeartbeatResult> {
  try {
    const answer = await withTimeout(clock, HEARTBEAT_TIMEOUT_MS, (limited) => hook.heartbeat(limited), signal);
    report(answer === 'active' ? { type: 'heartbeat', hook: hook.name } : { type: 'hook ended', hook: hook.name });
    return answer;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isBug(error)) throw error;
    report({ type: 'heartbeat failed', hook: hook.name, error, failures });
    return 'failed';
  }
}

/**
 * The pause between two heartbeats in milliseconds: a third of the heartbeat timeout, so that two may be lost, at least
 * 10 s, and up to a tenth shorter at random, so that the drainers of a scale-in do not send theirs in step.
 */
export function heartbeatIntervalMs(
  { heartbeatTimeoutSeconds }: Pick<Hook, 'heartbeatTimeoutSeconds'>,
  random = Math.random(),
): number {
  return Math.max(MIN_INTERVAL_MS, (heartbeatTimeoutSeconds * 1000 * (1 - random / 10)) / 3);
}

/**
 * Completes the action, within a time limit of its own: whatever ended the drain must not leave the instance waiting.
 * @returns false when the action could not be completed, which is reported here
 * @throws a bug
 */
export async function completeHook(
  hook: Hook,
  result: LifecycleResult,
  { clock, report }: Omit<Context, 'signal'>,
): Promise<boolean> {
  const until = clock.now() + COMPLETE_TIMEOUT_MS;
  const options = { what: `complete hook ${hook.name}`, withinMs: COMPLETE_TIMEOUT_MS, backoff: COMPLETE_BACKOFF };
  const tryOnce = () => withTimeout(clock, Math.max(1, until - clock.now()), (signal) => hook.complete(result, signal));
  try {
    const answer = await retry(options, tryOnce, { clock, report, signal: new AbortController().signal });
    report(
      answer === 'active'
        ? { type: 'hook completed', hook: hook.name, result }
        : { type: 'hook ended', hook: hook.name },
    );
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    report({ type: 'hook completion failed', hook: hook.name, result, error });
    return false;
  }
}
