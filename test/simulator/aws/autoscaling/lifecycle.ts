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
  heartbeats: number;
  startedAt: number;
  expiresAt: number;
  /** `stopped`: the ABANDON of another hook ended it. */
  state: 'pending' | 'completed' | 'timed-out' | 'stopped';
  result?: LifecycleActionResult;
  /** When the state changed from `pending`. */
  endedAt?: number;
  /** The heartbeat timeout in milliseconds when the action started. */
  timeoutMs: number;
  /** When the global timeout ends the action; heartbeats cannot extend it. */
  endsAt: number;
  defaultResult: LifecycleActionResult;
  /** Whether ABANDON, also as the default result, keeps the instance: the group retains it. */
  retains: boolean;
};

/**
 * Maximum wait of an instance, in seconds: the smaller of 48 hours and 100 heartbeat timeouts.
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
 */
export function globalTimeout(heartbeatTimeout: number): number {
  return Math.min(172_800, 100 * heartbeatTimeout);
}

/** Starts the lifecycle action of a hook for one instance. */
export function startAction(
  hook: LifecycleHook,
  now: number,
  { timeScale, retains }: { timeScale: number; retains: boolean },
): LifecycleAction {
  const timeoutMs = (hook.heartbeatTimeout * 1000) / timeScale;
  return {
    lifecycleHookName: hook.lifecycleHookName,
    token: randomUUID(),
    heartbeats: 0,
    startedAt: now,
    expiresAt: now + timeoutMs,
    state: 'pending',
    timeoutMs,
    endsAt: now + (globalTimeout(hook.heartbeatTimeout) * 1000) / timeScale,
    defaultResult: hook.defaultResult,
    retains,
  };
}

/** Records a heartbeat. It restarts the timeout and does not extend the remaining time. */
export function withHeartbeat(action: LifecycleAction, now: number): LifecycleAction {
  return { ...action, heartbeats: action.heartbeats + 1, expiresAt: Math.min(now + action.timeoutMs, action.endsAt) };
}

/** Ends one action. ABANDON also stops all other pending actions. */
export function endAction(
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

/** Ends every expired action with the default result of its hook, in the order of their expiry. */
export function applyTimeouts(actions: readonly LifecycleAction[], now: number): readonly LifecycleAction[] {
  const [due] = actions
    .filter(({ state, expiresAt }) => state === 'pending' && expiresAt <= now)
    .sort((a, b) => a.expiresAt - b.expiresAt);
  if (!due) return actions;
  const end = { state: 'timed-out', result: due.defaultResult, at: due.expiresAt } as const;
  return applyTimeouts(endAction(actions, due.token, end), now);
}

/** When the last action ended. Undefined while an action is pending. */
export function waitEndedAt(actions: readonly LifecycleAction[], startedAt: number): number | undefined {
  if (actions.some(({ state }) => state === 'pending')) return undefined;
  return Math.max(startedAt, ...actions.map(({ endedAt }) => endedAt ?? startedAt));
}
