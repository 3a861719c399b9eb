import { type Call, rightOf } from './call.ts';

/** For so long a denial is not believed when there is reason to doubt it. */
export const DOUBTED_FOR_MS = 60_000;

/**
 * Which denials are to be believed. An API server that has just started answers before it has read its roles, and denies what it
 * allows a second later; so does every server while a role is deleted and made again, as an upgrade of a chart does. A denial of
 * what was allowed before, or soon after the server was away, counts only when it lasts. Any other is a right that was forgotten.
 */
export class Rights {
  readonly #allowed = new Set<string>();
  readonly #deniedSince = new Map<string, number>();
  #awayAt = Number.NEGATIVE_INFINITY;

  allowed(call: Call): void {
    const right = rightOf(call);
    this.#allowed.add(right);
    this.#deniedSince.delete(right);
  }

  /** The server did not answer, or answered that it cannot. */
  away(now: number): void {
    this.#awayAt = now;
  }

  /** Is this denial to be doubted? */
  doubts(call: Call, now: number): boolean {
    const right = rightOf(call);
    const since = this.#deniedSince.get(right);
    if (since !== undefined) return now - since < DOUBTED_FOR_MS;
    if (!this.#allowed.has(right) && now - this.#awayAt >= DOUBTED_FOR_MS) return false;
    this.#deniedSince.set(right, now);
    return true;
  }
}
