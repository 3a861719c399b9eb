import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, eventually, items, MERGE, podBody, startTestCluster } from './test-cluster.ts';

const GROUP = '/apis/lifecycle.k8s.io/v1alpha1';
const MIGRATES = 'migrates.example.com/vm';
const IGNORES = 'ignores.example.com/vm';
const DECLINES = 'declines.example.com/vm';
const DEFAULT = 'imperative-eviction.k8s.io/evictor';

// https://github.com/kubernetes/kubernetes/tree/master/pkg/controller/evictionrequest
describe('EvictionRequests of the simulated v1.37', { concurrency: true }, async () => {
  const responders = [
    { name: MIGRATES, reportsAfterMs: 20, deletesAfterMs: 2_000 },
    { name: DECLINES, completesAfterMs: 20 },
  ];
  const cluster = await startTestCluster({ after }, { version: 'v1.37', responders });

  /** A running pod with these responders, and a request for it. */
  async function requested(...names: readonly string[]) {
    const namespace = await cluster.namespace();
    const evictionResponders = names.map((name, index) => ({ name, priority: 10_000 - index }));
    const pod = await cluster.runningPod(namespace, podBody('vm', { spec: { evictionResponders } }));
    const uid = String(at(pod, 'metadata', 'uid'));
    const path = `${GROUP}/namespaces/${namespace}/evictionrequests`;
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'vm', uid };
    const spec = { target: { pod: { name: 'vm', uid } }, requester: 'test.example.com/x', intent: 'Eviction' };
    const answer = await cluster.send('POST', path, { metadata: { name: 'r', ownerReferences: [owner] }, spec });
    assert.equal(answer.status, 201, answer.text);
    const eviction = async () => items(await cluster.send('GET', `${GROUP}/namespaces/${namespace}/evictions`)).at(-1);
    const states = async () => {
      const targets = at(await eviction(), 'status', 'targetResponders');
      return Array.isArray(targets) ? targets.map((one) => `${at(one, 'name')} ${at(one, 'state')}`) : [];
    };
    const isPodGone = async () =>
      (await cluster.send('GET', `/api/v1/namespaces/${namespace}/pods/vm`)).status === 404 || undefined;
    return { path, eviction, states, isPodGone, spec };
  }

  test('the first responder gets its turn, ends the pod, and the garbage collector removes the rest', async () => {
    const { path, eviction, states, isPodGone } = await requested(MIGRATES);
    await eventually(async () => ((await states()).length > 0 ? true : undefined), 'the eviction');
    assert.deepEqual(await states(), [`${MIGRATES} Active`, `${DEFAULT} Inactive`]);
    assert.equal(at(await eviction(), 'metadata', 'labels', 'test.example.com/x'), 'requester');
    await eventually(isPodGone, 'the responder to end the pod');
    await eventually(
      async () => (await cluster.send('GET', `${path}/r`)).status === 404 || undefined,
      'the request to go',
    );
    await eventually(async () => ((await eviction()) === undefined ? true : undefined), 'the eviction to go');
  });

  test('after the last responder the default one evicts', async () => {
    const { isPodGone } = await requested(DECLINES);
    await eventually(isPodGone, 'the pod to be evicted');
  });

  test('withdrawn, the eviction is cancelled; requested again, there is a new one', async () => {
    const { path, eviction, states } = await requested(IGNORES);
    await eventually(async () => ((await states()).length > 0 ? true : undefined), 'the eviction');
    const intent = (value: string) => cluster.send('PATCH', `${path}/r`, { spec: { intent: value } }, MERGE);
    assert.equal((await intent('Withdrawn')).status, 200);
    await eventually(
      async () => ((await states())[0] === `${IGNORES} Canceled` ? true : undefined),
      'the cancellation',
    );
    const first = at(await eviction(), 'metadata', 'name');
    const conditions = at((await cluster.send('GET', `${path}/r`)).body, 'status', 'conditions');
    assert.deepEqual([at(conditions, 0, 'type'), at(conditions, 0, 'reason')], ['Failed', 'CanceledDueToNoRequesters']);
    assert.equal((await intent('Eviction')).status, 200);
    await eventually(async () => ((await states())[0] === `${IGNORES} Active` ? true : undefined), 'a new eviction');
    assert.notEqual(at(await eviction(), 'metadata', 'name'), first);
  });

  test('a requester needs a domain of its own, and cannot change', async () => {
    const { path, spec } = await requested(IGNORES);
    for (const requester of ['drainer', 'k8s.io/x', 'node.kubernetes.io/x']) {
      const answer = await cluster.send('POST', path, { metadata: { name: 'other' }, spec: { ...spec, requester } });
      assert.equal(answer.status, 422, answer.text);
    }
    const changed = await cluster.send('PATCH', `${path}/r`, { spec: { requester: 'a.example.com/x' } }, MERGE);
    assert.equal(changed.status, 422);
  });
});

// A drainer that looks for the API on a server of today finds nothing, and neither do pods keep the field.
test('v1.34 does not serve EvictionRequests, and drops the responders of pods', async (t) => {
  const cluster = await startTestCluster(t);
  const namespace = await cluster.namespace();
  assert.equal((await cluster.send('GET', GROUP)).status, 404);
  assert.equal((await cluster.send('GET', `${GROUP}/evictions`)).status, 404);
  const groups = at((await cluster.send('GET', '/apis')).body, 'groups');
  assert.ok(Array.isArray(groups) && !groups.some((group) => at(group, 'name') === 'lifecycle.k8s.io'));
  const spec = { evictionResponders: [{ name: IGNORES, priority: 10_000 }] };
  const pod = await cluster.runningPod(namespace, podBody('vm', { spec }));
  assert.equal(at(pod, 'spec', 'evictionResponders'), undefined);
});
