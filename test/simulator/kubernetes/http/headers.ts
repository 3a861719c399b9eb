import type { Http2ServerRequest } from 'node:http2';

/** Response headers. */
export function headersOf(contentType: string): Record<string, string> {
  return { 'content-type': contentType, 'cache-control': 'no-cache, private' };
}

/** Request headers, each joined into one string. */
export function plainHeaders(request: Http2ServerRequest): Record<string, string> {
  const entries = Object.entries(request.headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]),
  );
}
