import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { apiServer, audited } from '../../witness/api-server.ts';
import { noHarm, onlyHarm } from '../../witness/harm.ts';
import { watchInstances } from '../../witness/watch-instances.ts';
import type { WitnessedInstances } from '../../witness/witness.ts';
import { podBody, startTestCluster } from '../kubernetes/test-cluster.ts';

const INSTANCE = 'i-0123456789abcdef0';

async function fileOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'witness-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'audit.log');
  await writeFile(file, '');
  return file;
}

/** As an API server writes it at the level Metadata. */
function auditLine(verb: string, name: string, resource: string, subresource?: string, code = 200): string {
  const objectRef = { resource, ...(resource === 'nodes' ? {} : { namespace: 'default' }), name, subresource };
  const event = {
    ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', stage: 'ResponseComplete' },
    ...{ verb, user: { username: 'node-drainer' }, objectRef, responseStatus: { code } },
    requestReceivedTimestamp: new Date().toISOString().replace('Z', '123Z'),
  };
  return `${JSON.stringify(event)}\n`;
}

// A witness that is blind on a real API server, where it has lists, watches and the audit log only.
test('over HTTP the witness sees the same as from within', async (t) => {
  const cluster = await startTestCluster(t, { nodes: [{ name: 'mine', providerID: `aws:///a/${INSTANCE}` }] });
  const log = await fileOf(t);
  let end = (): void => undefined;
  const aws: WitnessedInstances = {
    onInstanceEnd: (listener) => {
      end = () => listener({ instanceId: INSTANCE });
      return () => undefined;
    },
    onInstanceReset: () => () => undefined,
    onInstanceReturn: () => () => undefined,
    departures: () => [{ startedAt: 0, endsAt: Number.POSITIVE_INFINITY }],
    sendingTo: () => [],
  };
  const never = { annotations: { 'lab/shutdown-ms': 'never' }, spec: { nodeName: 'mine' } };
  await cluster.runningPod('default', podBody('before', never));
  const witness = await watchInstances(apiServer(cluster.simulator.kubeconfig(), log), aws);
  t.after(async () => witness[Symbol.asyncDispose]());
  await noHarm(witness);
  await cluster.runningPod('default', podBody('after', never));
  // A watch that breaks is no gap.
  cluster.simulator.dropWatches('reset');
  await cluster.runningPod('default', podBody('asked', never));
  await cluster.evict('default', 'asked');
  await appendFile(log, auditLine('create', 'asked', 'pods', 'eviction', 201));
  await appendFile(log, auditLine('patch', 'other', 'nodes'));
  end();
  await onlyHarm(
    witness,
    'nothing but these was there',
    { kind: 'cut off', pod: 'default/before', hadSigterm: false },
    { kind: 'cut off', pod: 'default/after', hadSigterm: false },
    // Asked while the watch was broken: then only the API says when, in whole seconds.
    { kind: 'cut off', pod: 'default/asked', hadSigterm: true },
    { kind: 'foreign', what: 'node', name: 'other', request: 'patch' },
  );
});

// A witness that stops with the API server whose outage the test has made.
test('an outage of the API server does not stop the witness', async (t) => {
  const cluster = await startTestCluster(t, { nodes: [{ name: 'mine', providerID: `aws:///a/${INSTANCE}` }] });
  const changes: string[] = [];
  const seen = Promise.withResolvers<void>();
  const server = apiServer(cluster.simulator.kubeconfig(), undefined);
  t.after(async () => server.close());
  await server.observe(({ kind }) => {
    changes.push(kind);
    if (kind === 'pods') seen.resolve();
  });
  const outage = await cluster.simulator.refuseConnections();
  await outage.end();
  await cluster.runningPod('default', podBody('later', { spec: { nodeName: 'mine' } }));
  await seen.promise;
  assert.deepEqual(await server.requests(), []);
});

// Requests of the time before the test, half-written lines and impersonated users taken for the drainer's.
test('the audit log is read from the start of the test on, and names who really asked', async (t) => {
  const log = await fileOf(t);
  const before = auditLine('patch', 'before', 'nodes');
  await writeFile(log, before);
  const impersonated = auditLine('patch', 'a', 'nodes').replace(
    '"user":',
    '"impersonatedUser":{"username":"somebody"},"user":',
  );
  const begun = auditLine('patch', 'b', 'nodes').replace('ResponseComplete', 'RequestReceived');
  await appendFile(log, impersonated + begun + auditLine('create', 'c', 'pods', 'eviction', 429) + before.slice(0, 50));
  const found = await audited(log, Buffer.byteLength(before));
  assert.deepEqual(
    found.map(({ user, verb, resource, name, status }) => [user, verb, resource, name, status]),
    [
      ['somebody', 'patch', 'nodes', 'a', 200],
      ['node-drainer', 'create', 'pods/eviction', 'c', 429],
    ],
  );
});
