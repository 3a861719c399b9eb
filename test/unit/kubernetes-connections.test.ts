import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { accessToEks } from '../../app/aws/eks.ts';
import { adviceOf, explain } from '../../app/failure.ts';
import type { AskForAccess } from '../../app/kubernetes/access.ts';
import { Api } from '../../app/kubernetes/api.ts';
import { dispatcherTrusting } from '../../app/kubernetes/dispatcher.ts';
import { accessByFile, accessByForeignText } from '../../app/kubernetes/kubeconfig.ts';
import { ApiError, ApiUnreachable } from '../../app/kubernetes/status.ts';
import { authority, type Certificate } from '../support/authority.ts';
import { awsOfProcess } from '../support/aws-of-process.ts';
import { HandClock } from '../support/clock.ts';
import { folder } from '../support/folder.ts';
import { secureServer } from '../support/secure-server.ts';

const never = new AbortController().signal;
const get = (path: string) => ({ verb: 'get', path, signal: never }) as const;
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Longer than the pause between two questions to the source of the access. */
const A_WHILE_MS = 10_000;

function kubeconfig(server: string, ca: string, user: { token: string } | Certificate = { token: 't' }): string {
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
async function apiBy(t: TestContext, clock: HandClock, source: AskForAccess) {
  const count = { asked: 0 };
  const ask: AskForAccess = (signal) => {
    count.asked++;
    return source(signal);
  };
  const api = new Api(await ask(never), { clock, ask, throttled: () => undefined });
  t.after(() => api.close());
  return { api, count };
}

/** Access by a kubeconfig text that can be replaced, as that of an object in S3. */
function replaceable(clock: HandClock, text: string) {
  const object = { text };
  return { object, ask: () => accessByForeignText(object.text, 's3://bucket/key', clock) };
}

async function failureOf(call: Promise<unknown>): Promise<ApiUnreachable> {
  const error = await call.catch((error: unknown) => error);
  assert.ok(error instanceof ApiUnreachable, String(error));
  return error;
}

// An API server renews its certificate each year, and its load balancer drops the connections.
test('a serving certificate that the same authority renewed needs nothing to be asked', async (t) => {
  const ours = await authority();
  const server = await secureServer(t, await ours.issue());
  const clock = new HandClock();
  const { object, ask } = replaceable(clock, kubeconfig(server.url, ours.ca));
  const { api, count } = await apiBy(t, clock, ask);
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
  const { object, ask } = replaceable(clock, kubeconfig(server.url, before.ca, { token: 'old' }));
  const { api, count } = await apiBy(t, clock, ask);
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
  const file = await apiBy(t, clock, () => accessByFile(path, clock));
  const eks = await apiBy(t, clock, (signal) => accessToEks('prod', 'eu-west-1', clock, signal));
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

// Trusting whoever answers gives the drainer's token to whoever sits in between.
test('a server of another authority is never trusted; people are told, and the source is asked at a capped rate', async (t) => {
  const [ours, theirs] = [await authority(), await authority()];
  const server = await secureServer(t, await theirs.issue());
  const clock = new HandClock();
  const { api, count } = await apiBy(t, clock, replaceable(clock, kubeconfig(server.url, ours.ca)).ask);
  for (let second = 0; second < 60; second++) {
    const failure = await failureOf(api.call(get('/a')));
    assert.equal(failure.passing, true);
    assert.match(failure.message, /the API server's certificate is not signed by the cluster's authority/);
    assert.match(adviceOf(failure) ?? '', /authority that the cluster has now/);
    await clock.advance(1_000);
  }
  assert.deepEqual(server.visits, []);
  assert.ok(count.asked >= 4 && count.asked <= 7, `asked ${count.asked} times in a minute`);
});

test('a certificate that has expired, or is for another name, is refused in these words', async (t) => {
  // Otherwise: whoever has the key of an old or of another certificate is taken for the API server.
  const ours = await authority();
  const clock = new HandClock();
  for (const [certificate, words] of [
    [await ours.issue({ until: new Date(Date.now() - 60_000) }), /is not valid at this time: .*expired/],
    [await ours.issue({ name: 'elsewhere.example.com' }), /is for another name/],
  ] as const) {
    const server = await secureServer(t, certificate);
    const { api } = await apiBy(t, clock, replaceable(clock, kubeconfig(server.url, ours.ca)).ask);
    assert.match((await failureOf(api.call(get('/a')))).message, words);
    await clock.advance(A_WHILE_MS);
    assert.match((await failureOf(api.call(get('/a')))).message, words);
    assert.deepEqual(server.visits, []);
  }
});

// The empty list of another cluster would say that the node is drained.
test('an access that names another server by now is not followed', async (t) => {
  const [ours, theirs] = [await authority(), await authority()];
  const server = await secureServer(t, await ours.issue());
  const other = await secureServer(t, await theirs.issue());
  const clock = new HandClock();
  const { object, ask } = replaceable(clock, kubeconfig(server.url, ours.ca));
  const { api } = await apiBy(t, clock, ask);
  await clock.advance(A_WHILE_MS);
  server.show(await theirs.issue());
  object.text = kubeconfig(other.url, theirs.ca);
  const failure = await failureOf(api.call(get('/a')));
  assert.match(explain(failure), new RegExp(`now names the server ${other.url}; this drain is of ${server.url}`));
  assert.equal(failure.passing, true);
  assert.deepEqual(other.visits, []);
});

test('a source that fails when it is asked again does not end the drain', async (t) => {
  // Otherwise: EKS denies one DescribeCluster, and the cordon of a node fails for good.
  const [before, after] = [await authority(), await authority()];
  const server = await secureServer(t, await before.issue());
  const clock = new HandClock();
  const { object, ask } = replaceable(clock, kubeconfig(server.url, before.ca));
  const { api } = await apiBy(t, clock, ask);
  await clock.advance(A_WHILE_MS);
  server.show(await after.issue());
  object.text = 'half a kubeconf';
  const failure = await failureOf(api.call(get('/a')));
  assert.equal(failure.passing, true);
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
  const { object, ask } = replaceable(clock, kubeconfig(server.url, ours.ca, old));
  const { api, count } = await apiBy(t, clock, ask);
  await api.call(get('/a'));
  await clock.advance(A_WHILE_MS);
  accepted.name = 'new';
  object.text = kubeconfig(server.url, ours.ca, fresh);
  await api.call(get('/b'));
  assert.equal(count.asked, 2);
  // Who is refused for good does not ask without end.
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
  const first = await accessByForeignText(kubeconfig(server.url, before.ca), 'x', clock);
  const ask = () => {
    resolve();
    return new Promise<never>(() => undefined);
  };
  const api = new Api(first, { clock, ask, throttled: () => undefined });
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

// Somebody sets it to get around a proxy on his machine, and the image inherits it.
test('no variable of the environment leaves the verification out', async (t) => {
  const [ours, theirs] = [await authority(), await authority()];
  const server = await secureServer(t, await theirs.issue());
  const clock = new HandClock();
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.after(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  });
  const byKubeconfig = replaceable(clock, kubeconfig(server.url, ours.ca)).ask;
  const byAuthority = async () => ({ ...(await byKubeconfig()), connect: () => dispatcherTrusting(ours.ca) });
  for (const ask of [byKubeconfig, byAuthority]) {
    const { api } = await apiBy(t, clock, ask);
    assert.match((await failureOf(api.call(get('/a')))).message, /not signed by the cluster's authority/);
  }
  assert.deepEqual(server.visits, []);
});
