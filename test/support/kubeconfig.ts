import assert from 'node:assert/strict';
import type { Access } from '../../app/kubernetes/access.ts';
import { Failure } from '../../app/lib/errors.ts';

export const SECRET = 's3cr3t-t0ken';

/** A valid kubeconfig with the parts that the test replaces. */
export function kubeconfig({
  user = `token: ${SECRET}`,
  cluster = '',
  current = 'prod',
  server = 'https://10.0.0.1:6443/',
} = {}) {
  return `apiVersion: v1
kind: Config
current-context: ${current}
clusters:
- name: prod
  cluster:
    server: ${server}
    ${cluster}
users:
- name: drainer
  user:
    ${user}
contexts:
- name: prod
  context: {cluster: prod, user: drainer}
`;
}

export async function refusal(access: Promise<unknown>): Promise<Failure> {
  const failure = await access.catch((error: unknown) => error);
  assert.ok(failure instanceof Failure, `not a Failure: ${String(failure)}`);
  return failure;
}

export async function headersOf(access: Access): Promise<Readonly<Record<string, string>>> {
  return access.authenticate(false, new AbortController().signal);
}
