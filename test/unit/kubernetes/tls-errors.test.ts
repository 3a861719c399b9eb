import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dispatcher } from '../../../app/kubernetes/access.ts';
import { adviceOf, explain } from '../../../app/lib/errors.ts';
import { Tunnels } from '../../../app/lib/tunnel.ts';
import { createCertificateAuthority } from '../../support/certificate-authority.ts';
import { ManualClock } from '../../support/clock.ts';
import {
  clientFrom,
  get,
  kubeconfigObject,
  kubeconfigOf,
  RESOLVE_INTERVAL_MS,
  unreachable,
} from '../../support/renewed-access.ts';
import { secureServer } from '../../support/secure-server.ts';

// Trusting a certificate of any authority would send the drainer's token to a man in the middle.
test('a server of another authority is never trusted; the error says why, and the source is read at a limited rate', async (t) => {
  const [ours, theirs] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await theirs.issue());
  const clock = new ManualClock();
  const { client, reads } = await clientFrom(
    t,
    clock,
    kubeconfigObject(clock, kubeconfigOf(server.url, ours.ca)).resolveAccess,
  );
  for (let second = 0; second < 60; second++) {
    const error = await unreachable(client.call(get('/a')));
    assert.equal(error.transient, true);
    assert.match(error.message, /the API server's certificate is not signed by the cluster's certificate authority/);
    assert.match(adviceOf(error) ?? '', /the current certificate authority of the cluster/);
    await clock.advance(1_000);
  }
  assert.deepEqual(server.received, []);
  assert.ok(reads.count >= 4 && reads.count <= 7, `${reads.count} reads in a minute`);
});

// The holder of the key of an expired or of another certificate would pass for the API server.
test('a certificate that has expired, or is for another name, is refused, and the error says which', async (t) => {
  const ours = await createCertificateAuthority();
  const clock = new ManualClock();
  for (const [certificate, words] of [
    [await ours.issue({ notAfter: new Date(Date.now() - 60_000) }), /has expired or is not valid yet: .*expired/],
    [await ours.issue({ dnsName: 'elsewhere.example.com' }), /is not valid for the name of the endpoint/],
  ] as const) {
    const server = await secureServer(t, certificate);
    const { client } = await clientFrom(
      t,
      clock,
      kubeconfigObject(clock, kubeconfigOf(server.url, ours.ca)).resolveAccess,
    );
    assert.match((await unreachable(client.call(get('/a')))).message, words);
    await clock.advance(RESOLVE_INTERVAL_MS);
    assert.match((await unreachable(client.call(get('/a')))).message, words);
    assert.deepEqual(server.received, []);
  }
});

// An empty list from another cluster would mean that the node is drained.
test('an access that names another server is refused', async (t) => {
  const [ours, theirs] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await ours.issue());
  const other = await secureServer(t, await theirs.issue());
  const clock = new ManualClock();
  const { object, resolveAccess } = kubeconfigObject(clock, kubeconfigOf(server.url, ours.ca));
  const { client } = await clientFrom(t, clock, resolveAccess);
  await clock.advance(RESOLVE_INTERVAL_MS);
  server.useCertificate(await theirs.issue());
  object.text = kubeconfigOf(other.url, theirs.ca);
  const error = await unreachable(client.call(get('/a')));
  assert.match(explain(error), new RegExp(`is now ${other.url}, but this drain started on ${server.url}`));
  assert.equal(error.transient, true);
  assert.deepEqual(other.received, []);
});

// NODE_TLS_REJECT_UNAUTHORIZED=0, set for a proxy on a developer's machine, can end up in the image.
test('no environment variable disables the verification of certificates', async (t) => {
  const [ours, theirs] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await theirs.issue());
  const clock = new ManualClock();
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.after(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  });
  const byKubeconfig = kubeconfigObject(clock, kubeconfigOf(server.url, ours.ca)).resolveAccess;
  const byAuthority = async () => ({
    ...(await byKubeconfig()),
    connect: () => dispatcher({ ca: ours.ca }, new Tunnels()),
  });
  for (const resolveAccess of [byKubeconfig, byAuthority]) {
    const { client } = await clientFrom(t, clock, resolveAccess);
    assert.match(
      (await unreachable(client.call(get('/a')))).message,
      /not signed by the cluster's certificate authority/,
    );
  }
  assert.deepEqual(server.received, []);
});
