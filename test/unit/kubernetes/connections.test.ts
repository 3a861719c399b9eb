import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eksEndpoint } from '../../../app/aws/eks.ts';
import { accessWithCredential } from '../../../app/kubernetes/access.ts';
import { KubernetesClient } from '../../../app/kubernetes/client.ts';
import { ApiError } from '../../../app/kubernetes/errors.ts';
import { accessFromKubeconfigFile, accessFromUntrustedKubeconfig } from '../../../app/kubernetes/kubeconfig.ts';
import { explain } from '../../../app/lib/errors.ts';
import { createCertificateAuthority } from '../../support/certificate-authority.ts';
import { ManualClock } from '../../support/clock.ts';
import { folder } from '../../support/folder.ts';
import {
  clientFrom,
  get,
  kubeconfigObject,
  kubeconfigOf,
  RESOLVE_INTERVAL_MS,
  unreachable,
} from '../../support/renewed-access.ts';
import { secureServer } from '../../support/secure-server.ts';
import { simulatedAws } from '../../support/simulated-aws.ts';

// An API server renews its certificate each year: a read of the source on each renewal would be a needless dependency.
test('a certificate renewed by the same authority is accepted without reading the source', async (t) => {
  const ours = await createCertificateAuthority();
  const server = await secureServer(t, await ours.issue());
  const clock = new ManualClock();
  const { object, resolveAccess } = kubeconfigObject(clock, kubeconfigOf(server.url, ours.ca));
  const { client, reads } = await clientFrom(t, clock, resolveAccess);
  await client.call(get('/a'));
  server.useCertificate(await ours.issue());
  object.text = 'gone';
  // Only the first call may notice the dropped connection.
  await client.call(get('/b')).catch(() => client.call(get('/b')));
  assert.equal(reads.count, 1);
});

// The certificate authority is replaced during a drain of hours: every call after that would fail.
test('after the authority is replaced, the kubeconfig is read again, once for all calls, and they succeed', async (t) => {
  const [before, after] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await before.issue());
  const clock = new ManualClock();
  const { object, resolveAccess } = kubeconfigObject(clock, kubeconfigOf(server.url, before.ca, { token: 'old' }));
  const { client, reads } = await clientFrom(t, clock, resolveAccess);
  await client.call(get('/a'));
  await clock.advance(RESOLVE_INTERVAL_MS);
  server.useCertificate(await after.issue());
  object.text = kubeconfigOf(server.url, after.ca, { token: 'new' });
  await client.call(get('/lost')).catch(() => undefined);
  await Promise.all(['/b', '/c', '/d', '/e'].map((path) => client.call(get(path))));
  assert.equal(reads.count, 2);
  assert.deepEqual(
    new Set(server.received.map(({ authorization }) => authorization)),
    new Set(['Bearer old', 'Bearer new']),
  );
});

// A drain would survive the replacement of an authority with only one of the three sources of access.
test('a kubeconfig file and EKS are read again, too', async (t) => {
  const [before, after] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await before.issue());
  const path = join(await folder(t), 'config');
  await writeFile(path, kubeconfigOf(server.url, before.ca));
  const aws = await simulatedAws(t, { region: 'eu-west-1' });
  aws.createCluster({ name: 'prod', endpoint: server.url, certificateAuthority: before.ca });
  const clock = new ManualClock();
  const file = await clientFrom(t, clock, () => accessFromKubeconfigFile({ path }, clock));
  const eks = await clientFrom(t, clock, async (signal) =>
    accessWithCredential(await eksEndpoint('prod', { name: 'eu-west-1' }, clock, signal), clock),
  );
  for (const { client } of [file, eks]) await client.call(get('/before'));

  await clock.advance(RESOLVE_INTERVAL_MS);
  server.useCertificate(await after.issue());
  await writeFile(path, kubeconfigOf(server.url, after.ca));
  aws.createCluster({ name: 'prod', endpoint: server.url, certificateAuthority: after.ca });
  for (const { client, reads } of [file, eks]) {
    await client.call(get('/lost')).catch(() => undefined);
    await client.call(get('/after'));
    assert.equal(reads.count, 2);
  }
});

// EKS denies one DescribeCluster, and the cordon of a node fails permanently.
test('a source that fails when it is read again causes a transient error', async (t) => {
  const [before, after] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await before.issue());
  const clock = new ManualClock();
  const { object, resolveAccess } = kubeconfigObject(clock, kubeconfigOf(server.url, before.ca));
  const { client } = await clientFrom(t, clock, resolveAccess);
  await clock.advance(RESOLVE_INTERVAL_MS);
  server.useCertificate(await after.issue());
  object.text = 'half a kubeconf';
  const error = await unreachable(client.call(get('/a')));
  assert.equal(error.transient, true);
  assert.match(
    explain(error),
    /not signed by the cluster's certificate authority.*could not read the current endpoint.*the kubeconfig s3:/,
  );
  object.text = kubeconfigOf(server.url, after.ca);
  await clock.advance(RESOLVE_INTERVAL_MS);
  await client.call(get('/b'));
});

// The kubeconfig has held the new client certificate for an hour, and every call is refused for the old one.
test('a rotated client certificate is used after the old one is refused', async (t) => {
  const ours = await createCertificateAuthority();
  const [old, rotated] = [await ours.issue({ commonName: 'old' }), await ours.issue({ commonName: 'new' })];
  const accepted = { name: 'old' };
  const serverCertificate = await ours.issue();
  const server = await secureServer(t, serverCertificate, ({ client }) => (client === accepted.name ? 200 : 401));
  server.useCertificate(serverCertificate, ours.ca);
  const clock = new ManualClock();
  const { object, resolveAccess } = kubeconfigObject(clock, kubeconfigOf(server.url, ours.ca, old));
  const { client, reads } = await clientFrom(t, clock, resolveAccess);
  await client.call(get('/a'));
  await clock.advance(RESOLVE_INTERVAL_MS);
  accepted.name = 'new';
  object.text = kubeconfigOf(server.url, ours.ca, rotated);
  await client.call(get('/b'));
  assert.equal(reads.count, 2);
  // Permanent refusals must not cause a read per call.
  accepted.name = 'none';
  for (let second = 0; second < 30; second++) {
    await assert.rejects(client.call(get('/c')), (error) => error instanceof ApiError && error.code === 401);
    await clock.advance(1_000);
  }
  assert.ok(reads.count <= 6, `${reads.count} reads`);
});

// SIGTERM would take effect only when the metadata service responds, a minute later.
test('an abort rejects a call that waits for a new access', async (t) => {
  const [before, after] = [await createCertificateAuthority(), await createCertificateAuthority()];
  const server = await secureServer(t, await before.issue());
  const clock = new ManualClock();
  const { promise: reading, resolve } = Promise.withResolvers<void>();
  const first = await accessFromUntrustedKubeconfig(kubeconfigOf(server.url, before.ca), 'x', clock);
  const resolveAccess = () => {
    resolve();
    return new Promise<never>(() => undefined);
  };
  const client = new KubernetesClient(first, { clock, resolveAccess, onThrottled: () => undefined });
  t.after(() => client.close());
  await clock.advance(RESOLVE_INTERVAL_MS);
  server.useCertificate(await after.issue());
  const stop = new AbortController();
  const call = client.call({ ...get('/a'), signal: stop.signal });
  await reading;
  const reason = new Error('SIGTERM');
  stop.abort(reason);
  await assert.rejects(call, reason);
});
