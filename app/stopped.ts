export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The reason with which the signal of a run is aborted. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly by: StopSignal;

  constructor(by: StopSignal) {
    super(`stopped by ${by}`);
    this.by = by;
  }
}

/** What a shell says of a process that a signal ended. */
export function stoppedCode(by: StopSignal): number {
  return by === 'SIGTERM' ? 143 : 130;
}
