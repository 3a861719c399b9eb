import { createHash, randomUUID } from 'node:crypto';
import type { Context } from './context.ts';
import { ServiceError } from './protocol/errors.ts';
import type { AwsRequest, Operation, Reply } from './protocol/message.ts';

type StoredObject = { body: Buffer; etag: string; contentType: string; lastModified: number };

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

/** An object with the metadata that S3 adds. */
export function storedObject(body: Buffer, now: number, contentType = 'binary/octet-stream'): StoredObject {
  return { body, etag: `"${createHash('md5').update(body).digest('hex')}"`, contentType, lastModified: now };
}

type Address = { bucket: string; key: string };

/** Hosts of virtual-hosted-style requests. */
const virtualHosts = /^(.+)\.(?:127\.0\.0\.1|localhost|s3[.-][a-z0-9-]+\.amazonaws\.com(?:\.cn)?)$/;

/**
 * The bucket and key of a request, path style or virtual-hosted style.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 */
function addressOf(request: Pick<AwsRequest, 'path' | 'headers'>): Address {
  const hostname = (request.headers['host'] ?? '').replace(/:\d+$/, '');
  const path = decodeURIComponent(request.path.slice(1));
  const bucket = virtualHosts.exec(hostname)?.[1];
  if (bucket !== undefined) return { bucket, key: path };
  const slash = path.indexOf('/');
  return slash === -1 ? { bucket: path, key: '' } : { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

/** Decodes an `aws-chunked` body, which clients send for streams. */
function unchunked(request: AwsRequest): Buffer {
  if (!request.headers['x-amz-content-sha256']?.startsWith('STREAMING-')) return request.body;
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = request.body.indexOf('\r\n', at);
    const size = end === -1 ? 0 : Number.parseInt(request.body.subarray(at, end).toString(), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(request.body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

function headersOf(object: StoredObject): Record<string, string> {
  return {
    'content-type': object.contentType,
    'content-length': String(object.body.length),
    etag: object.etag,
    'last-modified': new Date(object.lastModified).toUTCString(),
    'x-amz-request-id': randomUUID(),
  };
}

function bucketOf(buckets: Buckets, name: string): Map<string, StoredObject> {
  const bucket = buckets.bucket(name);
  if (!bucket) throw new ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404);
  return bucket;
}

function objectOf(buckets: Buckets, { bucket, key }: Address): StoredObject {
  const object = bucketOf(buckets, bucket).get(key);
  if (!object) throw new ServiceError('NoSuchKey', 'The specified key does not exist.', 404);
  return object;
}

function put(buckets: Buckets, { bucket, key }: Address, request: AwsRequest, now: number): Reply {
  const object = storedObject(unchunked(request), now, request.headers['content-type']);
  bucketOf(buckets, bucket).set(key, object);
  return { status: 200, headers: { etag: object.etag, 'x-amz-request-id': randomUUID() }, body: '' };
}

function operationName(
  method: string,
  key: string,
): 'GetObject' | 'HeadObject' | 'PutObject' | 'CreateBucket' | undefined {
  if (key === '') return method === 'PUT' ? 'CreateBucket' : undefined;
  if (method === 'GET') return 'GetObject';
  if (method === 'HEAD') return 'HeadObject';
  return method === 'PUT' ? 'PutObject' : undefined;
}

/**
 * Amazon S3: GetObject, HeadObject, PutObject and CreateBucket.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function s3(buckets: Buckets, context: Context): (request: AwsRequest) => Operation {
  return (request) => {
    const address = addressOf(request);
    const name = operationName(request.method, address.key);
    return {
      action: `s3:${name ?? 'unknown'}`,
      parameters: { Bucket: address.bucket, Key: address.key },
      run: () => {
        switch (name) {
          case 'GetObject':
          case 'HeadObject': {
            const object = objectOf(buckets, address);
            return { status: 200, headers: headersOf(object), body: name === 'GetObject' ? object.body : '' };
          }
          case 'PutObject':
            return put(buckets, address, request, context.now());
          case 'CreateBucket':
            buckets.create(address.bucket);
            return { status: 200, headers: { location: `/${address.bucket}` }, body: '' };
          case undefined:
            throw new ServiceError('NotImplemented', 'A header or operation you requested is not implemented.', 501);
        }
      },
    };
  };
}
