/**
 * The same signal, one turn of the event loop later. A request that is aborted in the very turn in which it was written to an HTTP/2
 * connection can send Node into a native loop that takes all memory and heeds no signal: a drain that was denied while its first
 * evictions went out hung so in one of two tries, with Node 24.21 and undici 8.12.
 */
export function lateAbort(signal: AbortSignal): AbortSignal {
  if (signal.aborted) return signal;
  const later = new AbortController();
  signal.addEventListener('abort', () => setImmediate(() => later.abort(signal.reason)), { once: true });
  return later.signal;
}
