import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ResolveAccess } from '../../app/kubernetes/access.ts';
import { KubernetesClient } from '../../app/kubernetes/client.ts';
import { ApiUnreachable } from '../../app/kubernetes/errors.ts';
import { accessFromUntrustedKubeconfig } from '../../app/kubernetes/kubeconfig.ts';
import type { Certificate } from './authority.ts';
import type { HandClock } from './clock.ts';

const never = new AbortController().signal;
export const get = (path: string) => ({ verb: 'get', path, signal: never }) as const;
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Longer than the pause between two questions to the source of the access. */
export const A_WHILE_MS = 10_000;

export function kubeconfig(server: string, ca: string, user: { token: string } | Certificate = { token: 't' }): string {
  const who =
    'token' in user ? user : { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) };
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: 'u', user: who }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  });
}

/** The API client over an access that is asked for as the program does, and how often it was. */
export async function apiBy(t: TestContext, clock: HandClock, source: ResolveAccess) {
  const count = { asked: 0 };
  const resolveAccess: ResolveAccess = (signal) => {
    count.asked++;
    return source(signal);
  };
  const api = new KubernetesClient(await resolveAccess(never), { clock, resolveAccess, throttled: () => undefined });
  t.after(() => api.close());
  return { api, count };
}

/** Access by a kubeconfig text that can be replaced, as that of an object in S3. */
export function replaceable(clock: HandClock, text: string) {
  const object = { text };
  return { object, resolveAccess: () => accessFromUntrustedKubeconfig(object.text, 's3://bucket/key', clock) };
}

export async function failureOf(call: Promise<unknown>): Promise<ApiUnreachable> {
  const error = await call.catch((error: unknown) => error);
  assert.ok(error instanceof ApiUnreachable, String(error));
  return error;
}
