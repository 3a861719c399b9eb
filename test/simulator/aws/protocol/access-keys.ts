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

/** The access keys of the simulated account. Includes expired ones, which get their own error. */
export class AccessKeys {
  readonly #keys = new Map<string, AccessKey>();

  add(key: AccessKey): void {
    this.#keys.set(key.accessKeyId, key);
  }

  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** The secret parts of all keys. */
  secrets(): string[] {
    return [...this.#keys.values()].flatMap(({ secretAccessKey, sessionToken }) =>
      sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken],
    );
  }

  /** The key expires at this time. */
  expire(accessKeyId: string, at: number): void {
    const key = this.#keys.get(accessKeyId);
    if (key) this.#keys.set(accessKeyId, { ...key, expiresAt: at });
  }
}

/** The identity behind a key. */
export function callerOf({ arn, userId, accountId, accessKeyId }: AccessKey): Caller {
  return { arn, userId, accountId, accessKeyId };
}
