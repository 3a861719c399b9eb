import { createHash, createHmac } from 'node:crypto';
import type { AwsRequest } from './message.ts';

/** The parsed signature of a request: from the Authorization header, or from the query of a presigned URL. */
export type Signature = {
  presigned: boolean;
  accessKeyId: string;
  /** The credential scope. */
  date: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
  amzDate: string;
  /** Seconds; presigned only. */
  expires?: string;
  sessionToken?: string;
};

const algorithm = 'AWS4-HMAC-SHA256';

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** URI-encodes everything but the unreserved characters of RFC 3986, as SigV4 requires. */
function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function uriDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // An invalid percent sequence stays as it is.
    return text;
  }
}

function queryPairs(query: string): [name: string, value: string][] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at === -1 ? [uriDecode(pair), ''] : [uriDecode(pair.slice(0, at)), uriDecode(pair.slice(at + 1))];
    });
}

function parseScope(credential: string): Pick<Signature, 'accessKeyId' | 'date' | 'region' | 'service'> | undefined {
  const [accessKeyId, date, region, service, terminator, ...rest] = credential.split('/');
  if (!accessKeyId || !date || !region || !service || terminator !== 'aws4_request' || rest.length > 0)
    return undefined;
  return { accessKeyId, date, region, service };
}

function fromHeaders(headers: Record<string, string>): Signature | undefined {
  const [name, ...rest] = (headers['authorization'] ?? '').split(' ');
  if (name !== algorithm) return undefined;
  const fields = rest
    .join('')
    .split(',')
    .map((field): [string, string] => {
      const at = field.indexOf('=');
      return [field.slice(0, at), field.slice(at + 1)];
    });
  return toSignature(false, new Map(fields), {
    amzDate: headers['x-amz-date'],
    expires: undefined,
    sessionToken: headers['x-amz-security-token'],
  });
}

function fromQuery(query: string): Signature | undefined {
  const values = new Map(queryPairs(query));
  if (values.get('X-Amz-Algorithm') !== algorithm) return undefined;
  const fields = ['Credential', 'SignedHeaders', 'Signature'].map((name): [string, string] => [
    name,
    values.get(`X-Amz-${name}`) ?? '',
  ]);
  return toSignature(true, new Map(fields), {
    amzDate: values.get('X-Amz-Date'),
    expires: values.get('X-Amz-Expires'),
    sessionToken: values.get('X-Amz-Security-Token'),
  });
}

function toSignature(
  presigned: boolean,
  fields: ReadonlyMap<string, string>,
  rest: { amzDate: string | undefined; expires: string | undefined; sessionToken: string | undefined },
): Signature | undefined {
  const scope = parseScope(fields.get('Credential') ?? '');
  const signature = fields.get('Signature');
  const signedHeaders = fields.get('SignedHeaders');
  const { amzDate, expires, sessionToken } = rest;
  if (!scope || !signature || !signedHeaders || amzDate === undefined) return undefined;
  return {
    presigned,
    ...scope,
    signedHeaders: signedHeaders.split(';'),
    signature,
    amzDate,
    ...(expires === undefined ? {} : { expires }),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

/** Parses the signature of a request. Undefined if it is missing or malformed. */
export function readSignature(request: Pick<AwsRequest, 'headers' | 'query'>): Signature | undefined {
  return fromHeaders(request.headers) ?? fromQuery(request.query);
}

/** The time of an ISO 8601 basic date (`20260102T030405Z`), in milliseconds. Undefined if it is malformed. */
export function timeOf(amzDate: string): number | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(amzDate)) return undefined;
  const iso = amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const time = Date.parse(iso);
  return Number.isNaN(time) ? undefined : time;
}

/** S3 signs the path encoded once, every other service twice. */
function canonicalUri(path: string, service: string): string {
  const segments = path.split('/');
  return segments.map((segment) => uriEncode(service === 's3' ? uriDecode(segment) : segment)).join('/');
}

function canonicalQuery(query: string, presigned: boolean): string {
  return queryPairs(query)
    .filter(([name]) => !(presigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map((pair) => pair.join('='))
    .join('&');
}

/** S3 uses the payload hash from the header (and compares it with the body). Other services hash the body. */
function payloadHash(request: AwsRequest, signature: Signature): string {
  if (signature.service !== 's3') return sha256(request.body);
  return request.headers['x-amz-content-sha256'] ?? (signature.presigned ? 'UNSIGNED-PAYLOAD' : sha256(request.body));
}

/** Whether the body matches its signed hash. */
export function payloadMatches(request: AwsRequest): boolean {
  const declared = request.headers['x-amz-content-sha256'];
  return declared === undefined || !/^[0-9a-f]{64}$/.test(declared) || declared === sha256(request.body);
}

/**
 * The canonical request of SigV4.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
function canonicalRequest(request: AwsRequest, signature: Signature): string {
  const headers = signature.signedHeaders.map(
    (name) => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`,
  );
  return [
    request.method,
    canonicalUri(request.path, signature.service),
    canonicalQuery(request.query, signature.presigned),
    headers.join(''),
    signature.signedHeaders.join(';'),
    payloadHash(request, signature),
  ].join('\n');
}

/** The correct signature of the request for this secret key. */
export function expectedSignature(request: AwsRequest, signature: Signature, secretAccessKey: string): string {
  const { amzDate, date, region, service } = signature;
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = [algorithm, amzDate, scope, sha256(canonicalRequest(request, signature))].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, toSign).toString('hex');
}
