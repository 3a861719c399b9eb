import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dispatcherWithCa } from '../../../app/kubernetes/access.ts';
import { adviceOf, explain } from '../../../app/lib/errors.ts';
import { authority } from '../../support/authority.ts';
import { HandClock } from '../../support/clock.ts';
import { A_WHILE_MS, apiBy, failureOf, get, kubeconfig, replaceable } from '../../support/replaced-access.ts';
import { secureServer } from '../../support/secure-server.ts';

// Trusting whoever answers gives the drainer's token to whoever sits in between.
test('a server of another authority is never trusted; people are told, and the source is asked at a capped rate', async (t) => {
  const [ours, theirs] = [await authority(), await authority()];
  const server = await secureServer(t, await theirs.issue());
  const clock = new HandClock();
  const { api, count } = await apiBy(t, clock, replaceable(clock, kubeconfig(server.url, ours.ca)).resolveAccess);
  for (let second = 0; second < 60; second++) {
    const failure = await failureOf(api.call(get('/a')));
    assert.equal(failure.transient, true);
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
    const { api } = await apiBy(t, clock, replaceable(clock, kubeconfig(server.url, ours.ca)).resolveAccess);
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
  const { object, resolveAccess } = replaceable(clock, kubeconfig(server.url, ours.ca));
  const { api } = await apiBy(t, clock, resolveAccess);
  await clock.advance(A_WHILE_MS);
  server.show(await theirs.issue());
  object.text = kubeconfig(other.url, theirs.ca);
  const failure = await failureOf(api.call(get('/a')));
  assert.match(explain(failure), new RegExp(`now names the server ${other.url}; this drain is of ${server.url}`));
  assert.equal(failure.transient, true);
  assert.deepEqual(other.visits, []);
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
  const byKubeconfig = replaceable(clock, kubeconfig(server.url, ours.ca)).resolveAccess;
  const byAuthority = async () => ({ ...(await byKubeconfig()), connect: () => dispatcherWithCa(ours.ca) });
  for (const resolveAccess of [byKubeconfig, byAuthority]) {
    const { api } = await apiBy(t, clock, resolveAccess);
    assert.match((await failureOf(api.call(get('/a')))).message, /not signed by the cluster's authority/);
  }
  assert.deepEqual(server.visits, []);
});
