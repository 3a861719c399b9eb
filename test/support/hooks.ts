import type { Hook } from '../../app/lifecycle/heartbeat.ts';
import type { ManualClock } from './clock.ts';

type Answer = 'active' | 'ended';

/** A lifecycle action in memory: it is active until it is completed, ended, or not beaten for its timeout. */
export class FakeHook implements Hook {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds: number;
  /** When it was beaten, in milliseconds of the clock. */
  readonly beats: number[] = [];
  readonly results: string[] = [];
  /** Returns the reply or error of a call; undefined gives the normal reply. */
  fault: (call: 'heartbeat' | 'complete') => Promise<Answer> | undefined = () => undefined;
  #active = true;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock, name = 'drainer', heartbeatTimeoutSeconds = 300, globalTimeoutSeconds = 172_800) {
    this.#clock = clock;
    this.name = name;
    this.heartbeatTimeoutSeconds = heartbeatTimeoutSeconds;
    this.globalTimeoutSeconds = globalTimeoutSeconds;
  }

  /** Ends the action, as its timeout or a completion elsewhere does. */
  end(): void {
    this.#active = false;
  }

  async heartbeat(): Promise<Answer> {
    this.beats.push(this.#clock.elapsed);
    return this.fault('heartbeat') ?? this.#answer();
  }

  async complete(result: string): Promise<Answer> {
    this.results.push(result);
    const met = this.fault('complete');
    if (met !== undefined) return met;
    const answer = this.#answer();
    this.end();
    return answer;
  }

  #answer(): Answer {
    return this.#active ? 'active' : 'ended';
  }
}
