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
import { authority } from '../../support/authority.ts';
import { awsOfProcess } from '../../support/aws-of-process.ts';
import { HandClock } from '../../support/clock.ts';
import { folder } from '../../support/folder.ts';
import { A_WHILE_MS, apiBy, failureOf, get, kubeconfig, replaceable } from '../../support/replaced-access.ts';
import { secureServer } from '../../support/secure-server.ts';

// An API server renews its certificate each year, and its load balancer drops the connections.
test('a serving certificate that the same authority renewed needs nothing to be asked', async (t) => {
  const ours = await authority();
  const server = await secureServer(t, await ours.issue());
  const clock = new HandClock();
  const { object, resolveAccess } = replaceable(clock, kubeconfig(server.url, ours.ca));
  const { api, count } = await apiBy(t, clock, resolveAccess);
  await api.call(get('/a'));
  server.show(await ours.issue());
  object.text = 'gone';
  // The connection that was dropped may be noticed by the first call only.
  await api.call(get('/b')).catch(() => api.call(get('/b')));
  assert.equal(count.asked, 1);
});

// The authority of an EKS cluster, or of one's own, is replaced in the middle of a drain of hours: each call would fail from then on.
test('when the authority is replaced, the kubeconfig is read again, once for all calls, and they go through', async (t) => {
  const [before, after] = [await authority(), await authority()];
  const server = await secureServer(t, await before.issue());
  const clock = new HandClock();
  const { object, resolveAccess } = replaceable(clock, kubeconfig(server.url, before.ca, { token: 'old' }));
  const { api, count } = await apiBy(t, clock, resolveAccess);
  await api.call(get('/a'));
  await clock.advance(A_WHILE_MS);
  server.show(await after.issue());
  object.text = kubeconfig(server.url, after.ca, { token: 'new' });
  await api.call(get('/lost')).catch(() => undefined);
  await Promise.all(['/b', '/c', '/d', '/e'].map((path) => api.call(get(path))));
  assert.equal(count.asked, 2);
  assert.deepEqual(
    new Set(server.visits.map(({ authorization }) => authorization)),
    new Set(['Bearer old', 'Bearer new']),
  );
});

test('a kubeconfig file and EKS are asked again, too', async (t) => {
  // Otherwise: only one of three sources survives the replacement of an authority.
  const [before, after] = [await authority(), await authority()];
  const server = await secureServer(t, await before.issue());
  const path = join(await folder(t), 'config');
  await writeFile(path, kubeconfig(server.url, before.ca));
  const aws = await awsOfProcess(t, { region: 'eu-west-1' });
  aws.createCluster({ name: 'prod', endpoint: server.url, certificateAuthority: before.ca });
  const clock = new HandClock();
  const file = await apiBy(t, clock, () => accessFromKubeconfigFile(path, clock));
  const eks = await apiBy(t, clock, async (signal) =>
    accessWithCredential(await eksEndpoint('prod', 'eu-west-1', clock, signal), clock),
  );
  for (const { api } of [file, eks]) await api.call(get('/before'));

  await clock.advance(A_WHILE_MS);
  server.show(await after.issue());
  await writeFile(path, kubeconfig(server.url, after.ca));
  aws.createCluster({ name: 'prod', endpoint: server.url, certificateAuthority: after.ca });
  for (const { api, count } of [file, eks]) {
    await api.call(get('/lost')).catch(() => undefined);
    await api.call(get('/after'));
    assert.equal(count.asked, 2);
  }
});

test('a source that fails when it is asked again does not end the drain', async (t) => {
  // Otherwise: EKS denies one DescribeCluster, and the cordon of a node fails for good.
  const [before, after] = [await authority(), await authority()];
  const server = await secureServer(t, await before.issue());
  const clock = new HandClock();
  const { object, resolveAccess } = replaceable(clock, kubeconfig(server.url, before.ca));
  const { api } = await apiBy(t, clock, resolveAccess);
  await clock.advance(A_WHILE_MS);
  server.show(await after.issue());
  object.text = 'half a kubeconf';
  const failure = await failureOf(api.call(get('/a')));
  assert.equal(failure.transient, true);
  assert.match(explain(failure), /not signed by the cluster's authority.*could not be found out: the kubeconfig s3:/);
  object.text = kubeconfig(server.url, after.ca);
  await clock.advance(A_WHILE_MS);
  await api.call(get('/b'));
});

// The new client certificate is in the file for an hour already, and every call is refused for the old one.
test('a client certificate that was rotated is shown after the old one is refused', async (t) => {
  const ours = await authority();
  const [old, fresh] = [await ours.issue({ commonName: 'old' }), await ours.issue({ commonName: 'new' })];
  const accepted = { name: 'old' };
  const serving = await ours.issue();
  const server = await secureServer(t, serving, ({ client }) => (client === accepted.name ? 200 : 401));
  server.show(serving, ours.ca);
  const clock = new HandClock();
  const { object, resolveAccess } = replaceable(clock, kubeconfig(server.url, ours.ca, old));
  const { api, count } = await apiBy(t, clock, resolveAccess);
  await api.call(get('/a'));
  await clock.advance(A_WHILE_MS);
  accepted.name = 'new';
  object.text = kubeconfig(server.url, ours.ca, fresh);
  await api.call(get('/b'));
  assert.equal(count.asked, 2);
  // Who is refused for good does not resolveAccess without end.
  accepted.name = 'nobody';
  for (let second = 0; second < 30; second++) {
    await assert.rejects(api.call(get('/c')), (error) => error instanceof ApiError && error.code === 401);
    await clock.advance(1_000);
  }
  assert.ok(count.asked <= 6, `asked ${count.asked} times`);
});

test('an abort ends a call that waits for a new access', async (t) => {
  // Otherwise: SIGTERM is heeded when the metadata service answers, a minute later.
  const [before, after] = [await authority(), await authority()];
  const server = await secureServer(t, await before.issue());
  const clock = new HandClock();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const first = await accessFromUntrustedKubeconfig(kubeconfig(server.url, before.ca), 'x', clock);
  const resolveAccess = () => {
    resolve();
    return new Promise<never>(() => undefined);
  };
  const api = new KubernetesClient(first, { clock, resolveAccess, throttled: () => undefined });
  t.after(() => api.close());
  await clock.advance(A_WHILE_MS);
  server.show(await after.issue());
  const stop = new AbortController();
  const call = api.call({ ...get('/a'), signal: stop.signal });
  await asked;
  const reason = new Error('SIGTERM');
  stop.abort(reason);
  await assert.rejects(call, reason);
});
