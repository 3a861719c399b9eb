import type { Hook } from '../../app/lifecycle/heartbeat.ts';
import type { HandClock } from './clock.ts';

type Answer = 'active' | 'ended';

/** A lifecycle action in memory: it is active until it is completed, ended, or not beaten for its timeout. */
export class FakeHook implements Hook {
  readonly name: string;
  readonly heartbeatTimeoutSeconds: number;
  readonly globalTimeoutSeconds = 172_800;
  /** When it was beaten, in milliseconds of the clock. */
  readonly beats: number[] = [];
  readonly results: string[] = [];
  /** What a call meets instead of an answer. */
  fault: (call: 'heartbeat' | 'complete') => Promise<Answer> | undefined = () => undefined;
  #active = true;
  readonly #clock: HandClock;

  constructor(clock: HandClock, name = 'drainer', heartbeatTimeoutSeconds = 300) {
    this.#clock = clock;
    this.name = name;
    this.heartbeatTimeoutSeconds = heartbeatTimeoutSeconds;
  }

  /** It timed out, or was completed otherClusters. */
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
