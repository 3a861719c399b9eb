import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { request } from 'undici';
import { accessFromUntrustedKubeconfig } from '../../../app/kubernetes/kubeconfig.ts';
import { adviceOf, Failure } from '../../../app/lib/errors.ts';
import { parseProxy } from '../../../app/lib/proxy.ts';
import { Tunnels } from '../../../app/lib/tunnel.ts';
import { startKubernetes } from '../../simulator/kubernetes/simulator.ts';
import { createCertificateAuthority } from '../../support/certificate-authority.ts';
import { ManualClock } from '../../support/clock.ts';
import { connectProxy } from '../../support/connect-proxy.ts';
import { clientFrom, get, kubeconfigOf } from '../../support/renewed-access.ts';
import { secureServer } from '../../support/secure-server.ts';

const never = new AbortController().signal;

/** The kubeconfig with more fields of its cluster. */
function withCluster(text: string, fields: object): string {
  const config = JSON.parse(text);
  Object.assign(config.clusters[0].cluster, fields);
  return JSON.stringify(config);
}

function tunnelsBy(url: string, noProxy = ''): Tunnels {
  const https = parseProxy(url, 'HTTPS_PROXY');
  assert.ok(typeof https !== 'string');
  return new Tunnels({ https, noProxy });
}

async function clientOf(t: TestContext, text: string, tunnels = new Tunnels()) {
  const clock = new ManualClock();
  const { client } = await clientFrom(t, clock, () =>
    accessFromUntrustedKubeconfig(text, 's3://bucket/key', clock, tunnels),
  );
  return client;
}

/** A simulated cluster whose name only the proxy can resolve. */
async function remoteCluster(t: TestContext) {
  const kubernetes = await startKubernetes();
  t.after(() => kubernetes.stop());
  const { port } = new URL(kubernetes.url);
  const text = withCluster(kubeconfigOf(`https://api.cluster.test:${port}`, kubernetes.ca, { token: 'admin-token' }), {
    'tls-server-name': 'localhost',
  });
  return { kubernetes, text, authority: `api.cluster.test:${port}` };
}

async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.catch((cause: unknown) => cause);
  assert.ok(error instanceof Failure, String(error));
  return error;
}

// Over HTTP/1.1 a drain of a hundred pods needs a tunnel for each eviction in flight, and a proxy has a limit for each client.
test('requests share one HTTP/2 connection in one tunnel', async (t) => {
  const [{ kubernetes, text, authority }, proxy] = [await remoteCluster(t), await connectProxy(t)];
  const client = await clientOf(t, text, tunnelsBy(proxy.url));
  await client.call(get('/version'));
  await Promise.all(Array.from({ length: 20 }, () => client.call(get('/api/v1/nodes'))));
  assert.deepEqual(new Set(kubernetes.requests.map(({ httpVersion }) => httpVersion)), new Set(['2.0']));
  assert.deepEqual(proxy.tunnels, [authority]);
});

// kubectl uses the proxy of the kubeconfig in spite of NO_PROXY, and the drainer would not reach the cluster.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#Cluster
test('the proxy-url of the kubeconfig takes precedence over the environment and over NO_PROXY; an empty one is none', async (t) => {
  const { text, authority } = await remoteCluster(t);
  const [ofKubeconfig, ofEnvironment] = [await connectProxy(t), await connectProxy(t)];
  const tunnels = tunnelsBy(ofEnvironment.url, '*');
  const client = await clientOf(t, withCluster(text, { 'proxy-url': ofKubeconfig.url }), tunnels);
  await client.call(get('/version'));
  assert.deepEqual([ofKubeconfig.tunnels, ofEnvironment.requests], [[authority], []]);

  const other = await clientOf(t, withCluster(text, { 'proxy-url': '' }), tunnelsBy(ofEnvironment.url));
  await other.call(get('/version'));
  assert.deepEqual(ofEnvironment.tunnels, [authority]);
});

// A proxy could read the token, and answer that the node is empty.
test('the certificates of both sides are verified in the tunnel, whatever the proxy is', async (t) => {
  const [ours, theirs] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await ours.issue());
  server.useCertificate(await ours.issue(), ours.ca);
  const proxy = await connectProxy(t);
  const identity = await ours.issue({ commonName: 'node-drainer' });
  const trusting = kubeconfigOf(server.url, ours.ca, identity);
  const client = await clientOf(t, withCluster(trusting, { 'proxy-url': proxy.url }));
  await client.call(get('/a'));
  assert.equal(server.received.at(-1)?.client, 'node-drainer');

  const distrusting = kubeconfigOf(server.url, theirs.ca, identity);
  const other = await clientOf(t, withCluster(distrusting, { 'proxy-url': proxy.url }));
  const failure = await failureOf(other.call(get('/a')));
  assert.match(failure.message, /the API server's certificate is not signed by the cluster's certificate authority/);
  assert.equal(server.received.length, 1);
});

// The error would say that the API server cannot be trusted, and the access would be read from its source again.
test('a proxy whose certificate is not trusted is told from an API server that is not', async (t) => {
  const { text } = await remoteCluster(t);
  const authority = await createCertificateAuthority();
  const proxy = await connectProxy(t, { certificate: await authority.issue() });
  const client = await clientOf(t, withCluster(text, { 'proxy-url': proxy.url }));
  const failure = await failureOf(client.call(get('/version')));
  assert.match(failure.message, /^get \/version: could not connect to .* through the proxy https:\/\/127\.0\.0\.1/);
  assert.doesNotMatch(failure.message, /API server's certificate/);
  assert.match(adviceOf(failure) ?? '', /the proxy-url in the kubeconfig s3:\/\/bucket\/key/);
  assert.deepEqual(proxy.requests, []);
});

// The drain would end with an error that says only that there was no response.
test('what the proxy refuses is permanent before the API server was reached through it, and transient afterwards', async (t) => {
  const [{ text }, proxy] = [await remoteCluster(t), await connectProxy(t)];
  const tunnels = tunnelsBy(proxy.url);
  proxy.behaviour = 403;
  const first = await failureOf((await clientOf(t, text, tunnels)).call(get('/version')));
  assert.match(first.message, /through the proxy .* \(HTTPS_PROXY\): the proxy refused the connection \(403 No\)/);
  assert.match(adviceOf(first) ?? '', /let the proxy connect to api\.cluster\.test/);
  assert.equal(first.transient, false);

  proxy.behaviour = 'connect';
  await (await clientOf(t, text, tunnels)).call(get('/version'));
  proxy.behaviour = 403;
  const later = await failureOf((await clientOf(t, text, tunnels)).call(get('/version')));
  assert.equal(later.transient, true);
});

// A proxy or a firewall that forgets its connections would make every request of the drain wait for a timeout.
test('a tunnel that carries nothing any more is replaced after a request has timed out', {
  timeout: 60_000,
}, async (t) => {
  const [{ text }, proxy] = [await remoteCluster(t), await connectProxy(t)];
  const clock = new ManualClock();
  const access = await accessFromUntrustedKubeconfig(text, 's3://bucket/key', clock, tunnelsBy(proxy.url));
  const dispatcher = access.connect();
  t.after(() => dispatcher.destroy());
  const headers = await access.authenticate(false, never);
  const send = async () => {
    const { body } = await request(`${access.server}/version`, { dispatcher, headers, headersTimeout: 500 });
    await body.dump();
  };
  await send();
  proxy.freeze();
  await assert.rejects(send, { code: 'UND_ERR_HEADERS_TIMEOUT' });
  while (proxy.tunnels.length < 2) await send().catch(() => undefined);
  await send();
  assert.equal(proxy.tunnels.length, 2);
});
