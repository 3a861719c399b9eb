import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, podBody, startTestCluster } from './test-cluster.ts';

const WORDS = 'admission webhook "keep.example.com" denied the request';

describe('admission webhooks of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });
  const { webhooks } = cluster.simulator;
  const name = 'keep.example.com';

  /** A namespace with a running pod `a`, whose deletion takes until it is forced. */
  const withPod = async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a', { annotations: { 'lab/shutdown-ms': 'never' } }));
    const path = `/api/v1/namespaces/${namespace}/pods/a`;
    const isTerminating = async () =>
      at((await cluster.send('GET', path)).body, 'metadata', 'deletionTimestamp') !== undefined;
    return { namespace, path, isTerminating, when: (pod: { namespace: string }) => pod.namespace === namespace };
  };

  // A drainer that only knows webhooks by their 403 takes the denial of KubeVirt, a 429, for an overloaded API server.
  // kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
  test('a webhook denies the eviction of a pod with its own code and message, and the pod stays', async () => {
    const { namespace, isTerminating, when } = await withPod();
    for (const code of [403, 404, 409, 429, 500, 503]) {
      const message = 'Eviction triggered evacuation of VMI';
      const webhook = webhooks.add({ name, operation: 'eviction', when, answer: { code, message } });
      const { status, body, headers } = await cluster.evict(namespace, 'a');
      webhook.remove();
      assert.equal(status, code);
      const { metadata, ...rest } = body;
      assert.deepEqual(rest, {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        message: `${WORDS}: ${message}`,
        code,
      });
      assert.deepEqual([metadata, headers['retry-after']], [{}, undefined]);
      assert.equal(webhook.denials(), 1);
    }
    assert.equal(await isTerminating(), false);
  });

  // Most webhooks name no code: a denial that is a 403 here and a 400 there is another rule for the drainer.
  test('a denial without a code, or with one below 400, is a 400; the reason stands in for a missing message', async () => {
    const { namespace, when } = await withPod();
    for (const [answer, code, message] of [
      [undefined, 400, `${WORDS} without explanation`],
      [{}, 400, `${WORDS} without explanation`],
      [{ code: 200, message: 'fine' }, 400, `${WORDS}: fine`],
      [{ code: 403, reason: 'Forbidden' }, 403, `${WORDS}: Forbidden`],
      [{ reason: 'NotToday', message: 'never on Fridays' }, 400, `${WORDS}: never on Fridays`],
    ] as const) {
      const webhook = webhooks.add({ name, operation: 'eviction', when, ...(answer !== undefined && { answer }) });
      const { status, body } = await cluster.evict(namespace, 'a');
      webhook.remove();
      assert.deepEqual([status, body['code'], body['message']], [code, code, message]);
      assert.equal(body['reason'], answer !== undefined && 'reason' in answer ? answer.reason : undefined);
    }
  });

  // A webhook may ask to come back later, as flow control does.
  test('a webhook can ask for a time with Retry-After', async () => {
    const { namespace, when } = await withPod();
    const answer = { code: 429, message: 'migrating', retryAfterSeconds: 7 };
    const webhook = webhooks.add({ name, operation: 'eviction', when, answer });
    const { headers, body } = await cluster.evict(namespace, 'a');
    webhook.remove();
    assert.deepEqual([headers['retry-after'], at(body, 'details', 'retryAfterSeconds')], ['7', 7]);
  });

  // With failurePolicy Fail, an outage of the webhook is a refusal of every pod that it must be asked about.
  // kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go
  test('a webhook that nobody can reach is an internal error that names it', async () => {
    const { namespace, isTerminating, when } = await withPod();
    const webhook = webhooks.add({ name, operation: 'eviction', when, answer: 'unreachable' });
    const { status, body } = await cluster.evict(namespace, 'a');
    webhook.remove();
    assert.deepEqual([status, body['reason']], [500, 'InternalError']);
    assert.match(
      String(body['message']),
      /^Internal error occurred: failed calling webhook "keep\.example\.com": .+refused$/,
    );
    assert.equal(await isTerminating(), false);
  });

  // A webhook that denies every pod, or for ever, tests nothing about the others, or about the end of a refusal.
  test('a webhook denies only its pods, only as often as it says, and not after its removal', async () => {
    const { namespace, path } = await withPod();
    await cluster.runningPod(namespace, podBody('b'));
    const when = (pod: { namespace: string; name: string }) => pod.namespace === namespace && pod.name === 'a';
    const twice = webhooks.add({ name, operation: 'eviction', when, times: 2 });
    const statuses: number[] = [];
    for (const pod of ['b', 'a', 'a', 'a']) statuses.push((await cluster.evict(namespace, pod)).status);
    assert.deepEqual([statuses, twice.denials()], [[201, 400, 400, 201], 2]);
    await cluster.send('DELETE', path, { gracePeriodSeconds: 0 });
    await cluster.runningPod(namespace, podBody('a'));
    const always = webhooks.add({ name, operation: 'eviction', when });
    assert.equal((await cluster.evict(namespace, 'a')).status, 400);
    always.remove();
    assert.equal((await cluster.evict(namespace, 'a')).status, 201);
    assert.equal(always.denials(), 1);
  });

  // An eviction deletes the pod inside the API server, which asks no webhook of deletions: a pod that only such a webhook protects is
  // evicted. (EvictionREST calls Delete with ValidateAllObjectFunc.)
  // kubernetes: pkg/registry/core/pod/storage/eviction.go
  test('webhooks of deletions are asked about deletions, and those of evictions about evictions', async () => {
    const deletion = await withPod();
    const ofDeletions = webhooks.add({ name, operation: 'deletion', when: deletion.when, answer: { code: 403 } });
    const denied = await cluster.send('DELETE', deletion.path);
    assert.deepEqual([denied.status, denied.body['message']], [403, `${WORDS} without explanation`]);
    assert.equal(await deletion.isTerminating(), false);
    assert.equal((await cluster.evict(deletion.namespace, 'a')).status, 201);
    assert.equal(ofDeletions.denials(), 1);
    ofDeletions.remove();

    const eviction = await withPod();
    const ofEvictions = webhooks.add({ name, operation: 'eviction', when: eviction.when });
    assert.equal((await cluster.send('DELETE', eviction.path)).status, 200);
    assert.equal(ofEvictions.denials(), 0);
    ofEvictions.remove();
  });

  // The order decides what a drainer learns: that its pod was replaced, and not that a webhook keeps it; and it decides whether a
  // repeated deletion fails.
  // kubernetes: staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go (Delete), pkg/registry/core/pod/storage/eviction.go
  test('a webhook of deletions is asked after the preconditions, and not about a pod that is terminating already', async () => {
    const { namespace, path, when } = await withPod();
    const webhook = webhooks.add({ name, operation: 'deletion', when });
    const replaced = await cluster.send('DELETE', path, { preconditions: { uid: 'the-old-one' } });
    assert.equal(replaced.status, 409);
    assert.match(String(replaced.body['message']), /the UID in the precondition/);
    assert.equal((await cluster.send('DELETE', path.replace(/a$/, 'gone'))).status, 404);
    assert.equal(webhook.denials(), 0);
    assert.equal((await cluster.evict(namespace, 'a')).status, 201);
    assert.equal((await cluster.send('DELETE', path)).status, 200);
    assert.equal(
      (await cluster.send('DELETE', path, { gracePeriodSeconds: 5 })).status,
      400,
      'a shorter grace changes it',
    );
    webhook.remove();
  });

  // A pod that is gone seems to be kept by its webhook, and a drainer without the permission learns nothing from webhooks.
  // kubernetes: staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go, pkg/registry/core/pod/storage/eviction.go (Create)
  test('a webhook of evictions is asked before the pod and its budget are looked at, and after RBAC', async () => {
    const namespace = await cluster.namespace();
    const webhook = webhooks.add({ name, operation: 'eviction', when: (pod) => pod.namespace === namespace });
    assert.equal((await cluster.evict(namespace, 'nobody')).status, 400);
    const path = `/api/v1/namespaces/${namespace}/pods/nobody/eviction`;
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'nobody', namespace } };
    assert.equal((await cluster.drainer('POST', path, eviction)).status, 403);
    assert.equal(webhook.denials(), 1);
    webhook.remove();
    assert.equal((await cluster.evict(namespace, 'nobody')).status, 404);
  });
});
