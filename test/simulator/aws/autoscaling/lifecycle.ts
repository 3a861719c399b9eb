import { randomUUID } from 'node:crypto';

export type LifecycleTransition = 'autoscaling:EC2_INSTANCE_TERMINATING' | 'autoscaling:EC2_INSTANCE_LAUNCHING';
export type LifecycleActionResult = 'CONTINUE' | 'ABANDON';

export type LifecycleHook = {
  autoScalingGroupName: string;
  lifecycleHookName: string;
  transition: LifecycleTransition;
  /** Seconds. */
  heartbeatTimeout: number;
  defaultResult: LifecycleActionResult;
  notificationMetadata?: string;
};

/** Times in milliseconds since the epoch. */
export type LifecycleAction = {
  lifecycleHookName: string;
  token: string;
  beats: number;
  startedAt: number;
  expiresAt: number;
  /** Stopped: another hook's ABANDON ended it. */
  state: 'pending' | 'completed' | 'timed-out' | 'stopped';
  result?: LifecycleActionResult;
  /** When it left `pending`. */
  endedAt?: number;
  /** One heartbeat timeout in milliseconds, as of the action's start. */
  timeoutMs: number;
  /** The global timeout: no heartbeat reaches beyond it. */
  endsAt: number;
  defaultResult: LifecycleActionResult;
};

/**
 * Seconds that an instance can wait in all: 48 hours or 100 heartbeat timeouts, whichever is smaller.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
 */
export function globalTimeout(heartbeatTimeout: number): number {
  return Math.min(172_800, 100 * heartbeatTimeout);
}

/** The action that a hook starts for one instance. */
export function startAction(hook: LifecycleHook, now: number, timeScale: number): LifecycleAction {
  const timeoutMs = (hook.heartbeatTimeout * 1000) / timeScale;
  return {
    lifecycleHookName: hook.lifecycleHookName,
    token: randomUUID(),
    beats: 0,
    startedAt: now,
    expiresAt: now + timeoutMs,
    state: 'pending',
    timeoutMs,
    endsAt: now + (globalTimeout(hook.heartbeatTimeout) * 1000) / timeScale,
    defaultResult: hook.defaultResult,
  };
}

/** A heartbeat restarts the timeout; it does not add to what is left. */
export function beat(action: LifecycleAction, now: number): LifecycleAction {
  return { ...action, beats: action.beats + 1, expiresAt: Math.min(now + action.timeoutMs, action.endsAt) };
}

/** Ends one action. ABANDON ends the others with it: they are not waited for. */
export function finish(
  actions: readonly LifecycleAction[],
  token: string,
  end: { state: 'completed' | 'timed-out'; result: LifecycleActionResult; at: number },
): LifecycleAction[] {
  return actions.map((action) => {
    if (action.token === token) return { ...action, state: end.state, result: end.result, endedAt: end.at };
    if (end.result === 'CONTINUE' || action.state !== 'pending') return action;
    return { ...action, state: 'stopped', endedAt: end.at };
  });
}

/** The actions as they stand now: whatever ran out of time has, in that order, got its hook's default result. */
export function settled(actions: readonly LifecycleAction[], now: number): readonly LifecycleAction[] {
  const [due] = actions
    .filter(({ state, expiresAt }) => state === 'pending' && expiresAt <= now)
    .sort((a, b) => a.expiresAt - b.expiresAt);
  if (!due) return actions;
  const end = { state: 'timed-out', result: due.defaultResult, at: due.expiresAt } as const;
  return settled(finish(actions, due.token, end), now);
}

/** When the wait was over; undefined while an action is pending. */
export function decidedAt(actions: readonly LifecycleAction[], startedAt: number): number | undefined {
  if (actions.some(({ state }) => state === 'pending')) return undefined;
  return Math.max(startedAt, ...actions.map(({ endedAt }) => endedAt ?? startedAt));
}
