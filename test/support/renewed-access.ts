import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ResolveAccess } from '../../app/kubernetes/access.ts';
import { KubernetesClient } from '../../app/kubernetes/client.ts';
import { ApiUnreachable } from '../../app/kubernetes/errors.ts';
import { accessFromUntrustedKubeconfig } from '../../app/kubernetes/kubeconfig.ts';
import type { Certificate } from './certificate-authority.ts';
import type { ManualClock } from './clock.ts';

const never = new AbortController().signal;
export const get = (path: string) => ({ verb: 'get', path, signal: never }) as const;
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** The minimum time between two reads of the source of an access. */
export const RESOLVE_INTERVAL_MS = 10_000;

export function kubeconfigOf(
  server: string,
  ca: string,
  credentials: { token: string } | Certificate = { token: 't' },
): string {
  const user =
    'token' in credentials
      ? credentials
      : { 'client-certificate-data': base64(credentials.cert), 'client-key-data': base64(credentials.key) };
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  });
}

/** A client whose access comes from a source, as in the program, and how often it has read the source. */
export async function clientFrom(t: TestContext, clock: ManualClock, source: ResolveAccess) {
  const reads = { count: 0 };
  const resolveAccess: ResolveAccess = (signal) => {
    reads.count++;
    return source(signal);
  };
  const access = await resolveAccess(never);
  const client = new KubernetesClient(access, { clock, resolveAccess, onThrottled: () => undefined });
  t.after(() => client.close());
  return { client, reads };
}

/** A kubeconfig object in S3 that the test can replace, and the access from it. */
export function kubeconfigObject(clock: ManualClock, text: string) {
  const object = { text };
  return { object, resolveAccess: () => accessFromUntrustedKubeconfig(object.text, 's3://bucket/key', clock) };
}

export async function unreachable(call: Promise<unknown>): Promise<ApiUnreachable> {
  const error = await call.catch((error: unknown) => error);
  assert.ok(error instanceof ApiUnreachable, String(error));
  return error;
}
