import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import * as v from 'valibot';
import type { Authenticate } from './test-cluster.ts';

const TokenReview = v.object({ apiVersion: v.string(), kind: v.string(), spec: v.object({ token: v.string() }) });

/**
 * Serves the TokenReview webhook of an API server, as EKS' authenticator does.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
 * @returns a function that stops the server
 */
export async function reviewTokens(port: number, authenticate: Authenticate): Promise<() => Promise<void>> {
  const server = createServer(async (request, response) => {
    const { apiVersion, kind, spec } = v.parse(TokenReview, await json(request));
    const user = authenticate(spec.token);
    const status =
      user === undefined
        ? { authenticated: false }
        : { authenticated: true, user: { username: user.name, groups: user.groups } };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ apiVersion, kind, status }));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
}
