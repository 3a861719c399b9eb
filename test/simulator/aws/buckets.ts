import { createHash } from 'node:crypto';

export type StoredObject = { body: Buffer; etag: string; contentType: string; lastModified: number };

/** The buckets of the simulated region. */
export class Buckets {
  readonly #buckets = new Map<string, Map<string, StoredObject>>();

  create(bucket: string): void {
    if (!this.#buckets.has(bucket)) this.#buckets.set(bucket, new Map());
  }

  /** Undefined if there is no such bucket. */
  bucket(name: string): Map<string, StoredObject> | undefined {
    return this.#buckets.get(name);
  }
}

/** An object as S3 keeps it. */
export function storedObject(body: Buffer, now: number, contentType = 'binary/octet-stream'): StoredObject {
  return { body, etag: `"${createHash('md5').update(body).digest('hex')}"`, contentType, lastModified: now };
}
