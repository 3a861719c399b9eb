import type { Http2ServerRequest } from 'node:http2';

/** Those of an answer. */
export function headersOf(contentType: string): Record<string, string> {
  return { 'content-type': contentType, 'cache-control': 'no-cache, private' };
}

/** Those of a request, each as one text. */
export function plainHeaders(request: Http2ServerRequest): Record<string, string> {
  const entries = Object.entries(request.headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]),
  );
}
