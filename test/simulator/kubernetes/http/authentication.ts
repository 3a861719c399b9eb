import { unauthorized } from '../model/status.ts';
import type { User } from './authorization.ts';

export type Authenticate = (bearerToken: string) => Promise<{ name: string; groups: string[] } | undefined>;

const staticTokens: ReadonlyMap<string, User> = new Map([
  ['admin-token', { name: 'admin', groups: ['system:masters', 'system:authenticated'] }],
  ['drainer-token', { name: 'node-drainer', groups: ['node-drainer', 'system:authenticated'] }],
]);

/**
 * The user of a request: the owner of the token, or `system:anonymous` without one. An unknown token is a 401.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/
 */
export async function authenticated(authorization: string, authenticate: Authenticate | undefined): Promise<User> {
  const token = /^bearer\s+(\S+)\s*$/i.exec(authorization)?.[1];
  if (token === undefined) return { name: 'system:anonymous', groups: ['system:unauthenticated'] };
  const known = staticTokens.get(token);
  if (known !== undefined) return known;
  const user = await authenticate?.(token);
  if (user === undefined) throw unauthorized();
  return { name: user.name, groups: [...user.groups, 'system:authenticated'] };
}
