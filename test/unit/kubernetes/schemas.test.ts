import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selects } from '../../../app/drain/budget.ts';
import { readListMetadata, readWatchEvent } from '../../../app/kubernetes/bodies.ts';
import { readBudget } from '../../../app/kubernetes/budgets.ts';
import { readNode } from '../../../app/kubernetes/nodes.ts';
import { readPod } from '../../../app/kubernetes/pods.ts';

const metadata = { uid: 'u', name: 'web', namespace: 'shop', generation: 3 };
const status = {
  observedGeneration: 3,
  disruptionsAllowed: 2,
  currentHealthy: 5,
  desiredHealthy: 3,
  expectedPods: 6,
  disruptedPods: { 'web-1': '2026-01-02T03:04:05Z' },
};
const spec = { selector: { matchLabels: { app: 'web' } } };

test('a budget is read with its figures and the pods that it has counted', () => {
  const { selector, counted, ...figures } = readBudget({ metadata, spec, status }, 'policy/v1');
  assert.deepEqual(figures, {
    uid: 'u',
    namespace: 'shop',
    name: 'web',
    allowed: 2,
    healthy: 5,
    desired: 3,
    expected: 6,
    unhealthyPodEvictionPolicy: 'IfHealthyBudget',
  });
  assert.deepEqual([...counted], ['web-1']);
  assert.equal(selects(selector, { app: 'web' }), true);
  assert.equal(selects(selector, { app: 'db' }), false);
});

// After somebody tightened a budget its old status still allows disruptions, and the API refuses them.
test('a status that is older than its spec allows nothing', () => {
  const allowed = (observedGeneration: number) =>
    readBudget({ metadata, spec, status: { ...status, observedGeneration } }, 'policy/v1').allowed;
  assert.equal(allowed(2), 0);
  assert.equal(allowed(3), 2);
  assert.equal(allowed(4), 2);
});

// A budget that was just created has no status: the disruption controller has not come round yet.
test('a budget without a status allows nothing', () => {
  assert.equal(readBudget({ metadata, spec }, 'policy/v1').allowed, 0);
  assert.equal(readBudget({ metadata, spec, status: {} }, 'policy/v1').allowed, 0);
});

// https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125
test('an empty selector selects every pod in policy/v1 and none in policy/v1beta1', () => {
  for (const selector of [{}, { matchLabels: {} }, { matchLabels: null, matchExpressions: null }]) {
    const under = (version: string) =>
      selects(readBudget({ metadata, spec: { selector }, status }, version).selector, { app: 'web' });
    assert.equal(under('policy/v1'), true);
    assert.equal(under('policy/v1beta1'), false);
  }
});

test('a selector that is not empty selects the same in both versions', () => {
  for (const version of ['policy/v1', 'policy/v1beta1']) {
    const { selector } = readBudget({ metadata, spec, status }, version);
    assert.deepEqual([selects(selector, { app: 'web' }), selects(selector, { app: 'db' })], [true, false], version);
  }
});

test('no selector selects nothing in either version', () => {
  for (const version of ['policy/v1', 'policy/v1beta1']) {
    for (const spec of [{}, { selector: null }]) {
      assert.equal(selects(readBudget({ metadata, spec, status }, version).selector, { app: 'web' }), false);
    }
  }
});

// Reading only matchLabels makes a budget of matchExpressions look like one over every pod.
test('matchLabels and matchExpressions are both read', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'NotIn', values: ['back'] },
      { key: 'canary', operator: 'DoesNotExist' },
    ],
  };
  const read = readBudget({ metadata, spec: { selector }, status }, 'policy/v1').selector;
  assert.equal(selects(read, { app: 'web', tier: 'front' }), true);
  assert.equal(selects(read, { app: 'web', tier: 'back' }), false);
  assert.equal(selects(read, { app: 'web', canary: 'yes' }), false);
});

const podObject = {
  metadata: {
    uid: 'u1',
    name: 'web-0',
    namespace: 'shop',
    labels: { app: 'web' },
    finalizers: ['batch.kubernetes.io/job-tracking'],
    deletionTimestamp: '2026-01-02T03:04:35Z',
    deletionGracePeriodSeconds: 30,
    ownerReferences: [
      { kind: 'Node', name: 'a' },
      { kind: 'Job', name: 'import', controller: true },
    ],
  },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
};

test('a pod is read with its controller, its end and what holds it', () => {
  assert.deepEqual(readPod(podObject), {
    uid: 'u1',
    namespace: 'shop',
    name: 'web-0',
    labels: { app: 'web' },
    controller: { kind: 'Job', name: 'import' },
    mirror: false,
    phase: 'Running',
    ready: true,
    deletion: { deadline: Date.parse('2026-01-02T03:04:35Z'), graceSeconds: 30 },
    finalizers: ['batch.kubernetes.io/job-tracking'],
    running: false,
    critical: false,
    toleratesEverything: false,
    claims: [],
  });
});

// Taking a pod for ready while its condition is False or Unknown would hold it for a budget that lets it go.
test('only a Ready condition that is True makes a pod ready', () => {
  const ready = (conditions: unknown) => readPod({ ...podObject, status: { phase: 'Running', conditions } }).ready;
  assert.equal(ready([{ type: 'Ready', status: 'False' }]), false);
  assert.equal(ready([{ type: 'Ready', status: 'Unknown' }]), false);
  assert.equal(ready([{ type: 'PodScheduled', status: 'True' }]), false);
  assert.equal(ready(null), false);
});

// An owner that is not the controller does not bring the pod back: a pod with such a DaemonSet owner must be evicted.
test('an owner that is not the controller is not taken for one', () => {
  const ownerReferences = [{ kind: 'DaemonSet', name: 'agent', controller: false }];
  assert.equal(readPod({ metadata: { uid: 'u', name: 'a', ownerReferences } }).controller, undefined);
});

test('a static pod is known by its annotation', () => {
  const annotations = { 'kubernetes.io/config.mirror': '0123' };
  assert.equal(readPod({ metadata: { uid: 'u', name: 'a', annotations } }).mirror, true);
});

// Go writes empty lists and maps as null; a reader that stumbles over one ends the drain at the first pod.
test('nulls where lists and maps may be are read as empty', () => {
  const nulls = { labels: null, annotations: null, finalizers: null, ownerReferences: null, deletionTimestamp: null };
  const read = readPod({ metadata: { uid: 'u', name: 'a', ...nulls }, status: { conditions: null } });
  assert.deepEqual([read.labels, read.finalizers, read.deletion, read.phase], [{}, [], undefined, 'Pending']);
  assert.deepEqual(readListMetadata({ metadata: {}, items: null }), { resourceVersion: '', more: '' });
});

test('a node that has no provider ID yet has an empty one', () => {
  assert.equal(readNode({ metadata: { uid: 'u', name: 'a' } }).providerID, '');
  assert.equal(readNode({ metadata: { uid: 'u', name: 'a' }, spec: {} }).providerID, '');
  assert.equal(
    readNode({ metadata: { uid: 'u', name: 'a' }, spec: { providerID: 'kind://x' } }).providerID,
    'kind://x',
  );
});

// A proxy's error page, or half an event, must not become a pod without a UID.
test('what is no Kubernetes object is not read as one', () => {
  for (const object of [undefined, null, 'text', {}, { metadata: {} }, { metadata: { name: 'a' } }]) {
    assert.throws(() => readPod(object));
    assert.throws(() => readNode(object));
    assert.throws(() => readBudget(object, 'policy/v1'));
  }
  for (const list of [{ items: [] }, { metadata: {}, items: [1] }, { metadata: {} }]) {
    assert.throws(() => readListMetadata(list));
  }
  for (const line of ['', '{"type":', '{}', '[]', '<html>']) assert.throws(() => readWatchEvent(line));
});
