import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type HttpProxy, parseProxy } from '../../../app/lib/proxy.ts';
import { ProxyFailure, Tunnels } from '../../../app/lib/tunnel.ts';
import { Listener } from '../../simulator/listener.ts';
import { connectProxy } from '../../support/connect-proxy.ts';

const PASSWORD = 's3cr3t-passw0rd';

/** A server that repeats what it hears. */
async function echo(t: TestContext): Promise<number> {
  const listener = new Listener(
    createServer((socket) => socket.pipe(socket)),
    '127.0.0.1',
  );
  t.after(() => listener.stop());
  return listener.open(0);
}

/** A server that says hello to everyone who connects. */
async function greeter(t: TestContext): Promise<number> {
  const listener = new Listener(
    createServer((socket) => socket.end('hello')),
    '127.0.0.1',
  );
  t.after(() => listener.stop());
  return listener.open(0);
}

function proxyOf(url: string, source = 'HTTPS_PROXY'): HttpProxy {
  const proxy = parseProxy(url, source);
  assert.ok(typeof proxy !== 'string', String(proxy));
  return proxy;
}

const tunnelsBy = (url: string) => new Tunnels({ https: proxyOf(url), noProxy: 'direct.test' });
const target = (port: number, hostname = 'api.test') => ({ protocol: 'https:', hostname, port });

async function failureOf(tunnel: Promise<unknown>): Promise<ProxyFailure> {
  const error = await tunnel.catch((cause: unknown) => cause);
  assert.ok(error instanceof ProxyFailure, String(error));
  assert.doesNotMatch(`${error.message} ${error.advice} ${error.stack}`, new RegExp(PASSWORD));
  return error;
}

// In a VPC without a resolver for the internet only the proxy knows the address of the API server.
test('the proxy resolves the name of the target, and the first bytes of the target are not lost', async (t) => {
  const [port, proxy] = [await greeter(t), await connectProxy(t)];
  const socket = await tunnelsBy(proxy.url).open(target(port));
  assert.ok(socket !== undefined);
  assert.equal(await text(socket), 'hello');
  assert.deepEqual(proxy.tunnels, [`api.test:${port}`]);
});

// The proxy of a company knows nothing about what is inside of the VPC.
test('a target of NO_PROXY is left to the caller; a proxy that is asked for explicitly is used for it, too', async (t) => {
  const [port, proxy] = [await greeter(t), await connectProxy(t)];
  const tunnels = tunnelsBy(proxy.url);
  assert.equal(await tunnels.open(target(port, 'direct.test')), undefined);
  assert.equal(await new Tunnels().open(target(port)), undefined);
  assert.deepEqual(proxy.requests, []);
  const socket = await tunnels.open(target(port, 'direct.test'), proxyOf(proxy.url));
  socket?.destroy();
  assert.deepEqual(proxy.tunnels, [`direct.test:${port}`]);
});

// "Request aborted" says neither who refused, nor what to do.
test('a refusal names the target, the proxy, the reason and the remedy, and is permanent', async (t) => {
  const [port, proxy] = [await greeter(t), await connectProxy(t, { credentials: `ada:${PASSWORD}` })];
  const withoutPassword = await failureOf(tunnelsBy(proxy.url).open(target(port)));
  assert.match(
    withoutPassword.message,
    new RegExp(
      `^could not connect to api\\.test:${port} through the proxy ${proxy.url} \\(HTTPS_PROXY\\): the proxy requires a user name and a password \\(407 `,
    ),
  );
  assert.match(withoutPassword.advice ?? '', /add them to HTTPS_PROXY, percent-encoded/);
  assert.equal(withoutPassword.transient, false);

  const wrong = await failureOf(tunnelsBy(proxy.url.replace('//', `//ada:x${PASSWORD}@`)).open(target(port)));
  assert.match(wrong.message, /did not accept the user name and the password \(407 /);
  assert.equal(wrong.transient, false);

  const right = tunnelsBy(proxy.url.replace('//', `//ada:${PASSWORD}@`));
  (await right.open(target(port)))?.destroy();
  proxy.behaviour = 403;
  const refused = await failureOf(right.open(target(port, 'other.test')));
  assert.match(refused.message, /the proxy refused the connection \(403 No\)$/);
  assert.match(refused.advice ?? '', new RegExp(`let the proxy connect to other\\.test:${port}, or name .* NO_PROXY`));
  assert.equal(refused.transient, false);
});

// A proxy whose rules are loaded again for a minute would end a drain of hours.
test('a refusal is transient after the target was reached through this proxy', async (t) => {
  const [port, proxy] = [await greeter(t), await connectProxy(t)];
  const tunnels = tunnelsBy(proxy.url);
  (await tunnels.open(target(port)))?.destroy();
  for (const status of [403, 407]) {
    proxy.behaviour = status;
    assert.equal((await failureOf(tunnels.open(target(port)))).transient, true);
    assert.equal((await failureOf(tunnels.open(target(port, 'other.test')))).transient, false);
  }
});

// A proxy that restarts, or an API server that does, would end the drain.
test('a proxy that does not answer, or cannot connect, is transient', async (t) => {
  const [port, proxy] = [await greeter(t), await connectProxy(t)];
  const tunnels = tunnelsBy(proxy.url);
  for (const status of [429, 502, 503, 504]) {
    proxy.behaviour = status;
    const failure = await failureOf(tunnels.open(target(port)));
    assert.match(failure.message, new RegExp(`the proxy could not connect \\(${status} `));
    assert.match(failure.advice ?? '', new RegExp(`the proxy can resolve and reach api\\.test:${port}`));
    assert.equal(failure.transient, true);
  }
  proxy.behaviour = 'close';
  assert.equal((await failureOf(tunnels.open(target(port)))).transient, true);
  await proxy.die();
  const dead = await failureOf(tunnels.open(target(port)));
  assert.match(dead.message, /ECONNREFUSED/);
  assert.match(dead.advice ?? '', /check that HTTPS_PROXY is correct/);
  // By this the AWS SDK decides to retry.
  assert.equal(dead.code, 'ECONNREFUSED');
  assert.equal(dead.transient, true);
});

// A firewall that drops packets to the proxy looks like a drain that works.
test('a proxy that never answers fails the connection after 8 s', async (t) => {
  const proxy = await connectProxy(t);
  proxy.behaviour = 'hang';
  const timeout = new AbortController();
  const tunnels = new Tunnels({ https: proxyOf(proxy.url), noProxy: '' }, () => timeout.signal);
  const failing = failureOf(tunnels.open(target(443)));
  timeout.abort();
  const failure = await failing;
  assert.match(failure.message, /no answer within 8 s$/);
  assert.deepEqual([failure.transient, failure.code], [true, 'ETIMEDOUT']);
});

// Every connection of the drain would end 8 s after it was opened.
test('the timeout ends with the answer of the proxy, and does not close the tunnel', async (t) => {
  const [port, proxy] = [await echo(t), await connectProxy(t)];
  const timeout = new AbortController();
  const tunnels = new Tunnels({ https: proxyOf(proxy.url), noProxy: '' }, () => timeout.signal);
  const socket = await tunnels.open(target(port));
  assert.ok(socket !== undefined);
  timeout.abort();
  socket.end('still here');
  assert.equal(await text(socket), 'still here');
});
