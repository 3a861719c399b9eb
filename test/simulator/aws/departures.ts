import { actionsOf, type Instance } from './autoscaling/instance.ts';
import type { LifecycleAction } from './autoscaling/lifecycle.ts';
import { isRetained, waitEnd } from './autoscaling/transition.ts';
import type { Notice } from './notices.ts';

/** A reason to drain an instance. Times in milliseconds since the epoch. */
export type Departure = {
  readonly startedAt: number;
  /** When the machine goes for certain; `Infinity`: nothing says so. */
  readonly endsAt: number;
  /** When this reason was over although the instance lives on: it is retained, or back. */
  readonly survivedAt?: number;
};

/** Why the instance is (or was) about to go: its lifecycle actions, and what EC2 and AWS Health announced. */
export function departuresOf(instance: Instance, notices: readonly Notice[], now: number): Departure[] {
  const { transition } = instance;
  const isOver = transition !== undefined && isRetained(transition, now);
  const current = new Set(isOver ? [] : (transition?.actions.map(({ token }) => token) ?? []));
  const retainedAt = transition === undefined ? undefined : waitEnd(transition, now);
  const actions = actionsOf(instance, now).map((action) => ({
    startedAt: action.startedAt,
    endsAt: isCertain(action) ? action.endsAt : Number.POSITIVE_INFINITY,
    ...(current.has(action.token) ? {} : { survivedAt: action.endedAt ?? retainedAt ?? now }),
  }));
  const announced = notices.map(({ at, endsAt = Number.POSITIVE_INFINITY, what }) => {
    const startedAgainAt = what === 'stopped' ? startedSince(instance, at) : undefined;
    return { startedAt: at, endsAt, ...(startedAgainAt === undefined ? {} : { survivedAt: startedAgainAt }) };
  });
  return [...actions, ...announced];
}

/** A group that retains its instances ends none that its drainer abandons, or that runs out of time. */
function isCertain({ retains, defaultResult }: LifecycleAction): boolean {
  return !retains || defaultResult === 'CONTINUE';
}

function startedSince({ power }: Instance, stoppedAt: number): number | undefined {
  return power?.to === 'running' && power.since >= stoppedAt ? power.since : undefined;
}
