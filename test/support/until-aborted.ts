/** Calls `then` and rejects with the signal's reason when it aborts. */
export function untilAborted(signal: AbortSignal, then: () => void): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const end = () => {
    then();
    reject(signal.reason);
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return promise;
}
