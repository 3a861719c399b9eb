/** How a drain ended. Each kind is also the `result` of the summary: docs/log-events.md. */
export type Outcome =
  | { readonly kind: 'drained' }
  /** The cluster has no node for this instance, or the node was deleted or replaced during the drain. */
  | { readonly kind: 'no node' }
  /** No node of the cluster is this instance, although it is old enough to have joined one. */
  | { readonly kind: 'node missing'; readonly error: unknown }
  /** No lifecycle action was pending when the run started: a duplicate event, or the instance is gone. */
  | { readonly kind: 'no pending action'; readonly reason: string }
  /** The tags of the instance name another cluster, which has its own drainer. */
  | { readonly kind: 'instance of another cluster'; readonly reason: string }
  /** The instance has the tag that stops its drain. */
  | { readonly kind: 'held'; readonly reason: string }
  /** The drainer is paused. */
  | { readonly kind: 'paused'; readonly reason: string }
  /** Its tags decide which cluster an instance belongs to, and they name none, or more than one. */
  | { readonly kind: 'cluster unknown'; readonly error: unknown }
  /** The lifecycle action ended during the drain, and no pod remained: another task had finished first. */
  | { readonly kind: 'drained by peer' }
  /** Stopped by SIGTERM; a successor task continues. */
  | { readonly kind: 'handed over'; readonly task: string }
  /** The lifecycle action ended during the drain, and pods remained. */
  | { readonly kind: 'action ended' }
  /** The drain deadline passed while pods remained. */
  | { readonly kind: 'deadline' }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** An error of the program itself. */
  | { readonly kind: 'bug'; readonly error: unknown }
  /** Refused: the Auto Scaling group is not terminating the instance. */
  | { readonly kind: 'not terminating'; readonly error: unknown }
  | { readonly kind: 'stopped'; readonly signal: StopSignal }
  | { readonly kind: 'dry run' };

export type LifecycleResult = 'CONTINUE' | 'ABANDON';

export type Policies = {
  readonly missingNode: 'auto' | 'continue' | 'abandon';
  readonly onFailure: 'leave' | 'abandon' | 'continue';
  readonly onDeadline: 'continue' | 'abandon' | 'force';
};

/** What the program does about an outcome. */
export type Consequence = {
  /** The result that the lifecycle hook is completed with; undefined: it is not completed. */
  readonly hookResult: LifecycleResult | undefined;
  readonly exitCode: number;
};

/** https://man.freebsd.org/cgi/man.cgi?query=sysexits */
export const EX_USAGE = 64;
export const EX_SOFTWARE = 70;

/** The table of docs/outcomes.md. */
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
    case 'held':
    case 'paused':
    case 'drained by peer':
    case 'handed over':
    case 'dry run':
      return { hookResult: undefined, exitCode: 0 };
    case 'action ended':
      return { hookResult: undefined, exitCode: 3 };
    case 'failed':
    case 'node missing':
      return { hookResult: resultOnFailure(policies.onFailure), exitCode: 1 };
    // Pods may run there: no policy decides that they may be killed.
    case 'cluster unknown':
      return { hookResult: undefined, exitCode: 1 };
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

/** The reason of a run's abort signal. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** The exit code that a shell reports for a process terminated by this signal: 128 + its number. */
export function signalExitCode(signal: StopSignal): number {
  return signal === 'SIGTERM' ? 143 : 130;
}
