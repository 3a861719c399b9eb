import type { Clock } from '../clock.ts';

/** Wakes a loop that looks at what is: rung any number of times before the loop looks, it is heard once. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves when the bell rings, has rung, or at `until` (milliseconds since the epoch); rejects when aborted. */
  async heard(clock: Clock, until: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      const done = new AbortController();
      const rung = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const timer = clock.sleep(
        until === undefined ? Number.MAX_SAFE_INTEGER : until - clock.now(),
        AbortSignal.any([signal, done.signal]),
      );
      try {
        await Promise.race([rung, timer]);
      } finally {
        this.#wake = undefined;
        timer.catch(() => undefined);
        done.abort();
      }
    }
    this.#rung = false;
    // Lets whatever arrived together with this ring be seen in the same look.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
}
