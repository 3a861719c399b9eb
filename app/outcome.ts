/** How a run ended. */
export type Outcome =
  | { readonly kind: 'drained' }
  /** No node of the cluster is this instance, or its node was deleted or replaced during the drain. */
  | { readonly kind: 'no node' }
  /** The lifecycle action was over before anything was done: a duplicate event, or the instance is gone. */
  | { readonly kind: 'no pending action'; readonly reason: string }
  /** The instance's tags name another cluster, which has its own drainer. */
  | { readonly kind: 'instance of another cluster'; readonly reason: string }
  /** The lifecycle action ended during the drain, and nothing was left on the node: another task finished first. */
  | { readonly kind: 'drained by another' }
  /** Stopped by SIGTERM; a successor task continues. */
  | { readonly kind: 'handed over'; readonly task: string }
  /** The lifecycle action ended during the drain. */
  | { readonly kind: 'action ended' }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** An error that nobody foresaw. */
  | { readonly kind: 'bug'; readonly error: unknown }
  | { readonly kind: 'not terminating'; readonly error: unknown }
  | { readonly kind: 'stopped'; readonly signal: StopSignal }
  | { readonly kind: 'dry run' };

export type LifecycleResult = 'CONTINUE' | 'ABANDON';

export type Policies = {
  readonly missingNode: 'continue' | 'abandon';
  readonly onFailure: 'leave' | 'abandon' | 'continue';
  readonly onDeadline: 'continue' | 'abandon' | 'force';
};

/** What follows from an outcome. */
export type Consequence = {
  /** What the lifecycle hook is completed with; undefined: it is not completed. */
  readonly hookResult: LifecycleResult | undefined;
  readonly exitCode: number;
};

/** https://man.freebsd.org/cgi/man.cgi?query=sysexits */
export const EX_USAGE = 64;
export const EX_SOFTWARE = 70;

/** The outcome table of the README. */
export function consequenceOf(outcome: Outcome, policies: Policies): Consequence {
  switch (outcome.kind) {
    case 'drained':
      return { hookResult: 'CONTINUE', exitCode: 0 };
    case 'no node':
      return { hookResult: policies.missingNode === 'abandon' ? 'ABANDON' : 'CONTINUE', exitCode: 0 };
    case 'deadline':
      return { hookResult: policies.onDeadline === 'abandon' ? 'ABANDON' : 'CONTINUE', exitCode: 0 };
    case 'no pending action':
    case 'instance of another cluster':
    case 'drained by another':
    case 'handed over':
    case 'dry run':
      return { hookResult: undefined, exitCode: 0 };
    case 'action ended':
      return { hookResult: undefined, exitCode: 3 };
    case 'failed':
      return { hookResult: resultOnFailure(policies.onFailure), exitCode: 1 };
    case 'bug':
      return { hookResult: undefined, exitCode: EX_SOFTWARE };
    case 'not terminating':
      return { hookResult: undefined, exitCode: EX_USAGE };
    case 'stopped':
      return { hookResult: undefined, exitCode: signalExitCode(outcome.signal) };
  }
}

function resultOnFailure(policy: Policies['onFailure']): LifecycleResult | undefined {
  if (policy === 'leave') return undefined;
  return policy === 'abandon' ? 'ABANDON' : 'CONTINUE';
}

export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The reason with which the abort signal of a run is aborted. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** The exit code that a shell reports for a process that ended by this signal. */
export function signalExitCode(signal: StopSignal): number {
  return signal === 'SIGTERM' ? 143 : 130;
}
