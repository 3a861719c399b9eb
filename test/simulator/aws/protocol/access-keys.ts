import type { Caller } from './message.ts';

export type AccessKey = {
  accessKeyId: string;
  secretAccessKey: string;
  /** Temporary credentials only. */
  sessionToken?: string;
  /** Milliseconds since the epoch; temporary credentials only. */
  expiresAt?: number;
  arn: string;
  userId: string;
  accountId: string;
};

/** The access keys that the simulated account knows, expired ones too: they get an answer of their own. */
export class AccessKeys {
  readonly #keys = new Map<string, AccessKey>();

  add(key: AccessKey): void {
    this.#keys.set(key.accessKeyId, key);
  }

  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** What nobody but its owner may know of each key. */
  secrets(): string[] {
    return [...this.#keys.values()].flatMap(({ secretAccessKey, sessionToken }) =>
      sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken],
    );
  }

  /** From `at` on the key is refused as expired. */
  expire(accessKeyId: string, at: number): void {
    const key = this.#keys.get(accessKeyId);
    if (key) this.#keys.set(accessKeyId, { ...key, expiresAt: at });
  }
}

/** The identity behind a key. */
export function callerOf({ arn, userId, accountId, accessKeyId }: AccessKey): Caller {
  return { arn, userId, accountId, accessKeyId };
}
