import { type StopSignal, stoppedCode } from './stopped.ts';

/** How a run ended. */
export type Outcome =
  | { readonly kind: 'drained' }
  /** No node of the cluster is this instance, or its node was deleted or replaced while it was drained. */
  | { readonly kind: 'no node' }
  /** The lifecycle action was over before anything was done: a duplicate event, or the instance is gone. */
  | { readonly kind: 'no pending action'; readonly why: string }
  /** Its tags say that the instance belongs to another cluster, whose own drainer looks after it. */
  | { readonly kind: 'instance of another cluster'; readonly why: string }
  /** The lifecycle action ended while the node was drained, and nothing was left on it: another worker was done first. */
  | { readonly kind: 'drained by another' }
  /** Stopped by SIGTERM; a successor goes on. */
  | { readonly kind: 'handed over'; readonly task: string }
  /** The lifecycle action ended while the node was drained. */
  | { readonly kind: 'action ended' }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'not terminating'; readonly error: unknown }
  | { readonly kind: 'stopped'; readonly by: StopSignal }
  | { readonly kind: 'dry run' };

export type LifecycleResult = 'CONTINUE' | 'ABANDON';

export type Policies = {
  readonly missingNode: 'continue' | 'abandon';
  readonly onFailure: 'leave' | 'abandon' | 'continue';
  readonly onDeadline: 'continue' | 'abandon' | 'force';
};

/** What follows from an outcome: what the hook is told (undefined: it is left alone), and the exit code. */
export type Consequence = { readonly hook: LifecycleResult | undefined; readonly exitCode: number };

/** The outcome table of the README. */
export function consequenceOf(outcome: Outcome, policies: Policies): Consequence {
  switch (outcome.kind) {
    case 'drained':
      return { hook: 'CONTINUE', exitCode: 0 };
    case 'no node':
      return { hook: policies.missingNode === 'abandon' ? 'ABANDON' : 'CONTINUE', exitCode: 0 };
    case 'deadline':
      return { hook: policies.onDeadline === 'abandon' ? 'ABANDON' : 'CONTINUE', exitCode: 0 };
    case 'no pending action':
    case 'instance of another cluster':
    case 'drained by another':
    case 'handed over':
    case 'dry run':
      return { hook: undefined, exitCode: 0 };
    case 'action ended':
      return { hook: undefined, exitCode: 3 };
    case 'failed':
      return { hook: onFailure(policies.onFailure), exitCode: 1 };
    case 'not terminating':
      return { hook: undefined, exitCode: 64 };
    case 'stopped':
      return { hook: undefined, exitCode: stoppedCode(outcome.by) };
  }
}

function onFailure(policy: Policies['onFailure']): LifecycleResult | undefined {
  if (policy === 'leave') return undefined;
  return policy === 'abandon' ? 'ABANDON' : 'CONTINUE';
}
