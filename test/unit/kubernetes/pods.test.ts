import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPod } from '../../../app/kubernetes/pods.ts';

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

// A field read from the wrong place changes the decision about every pod.
test('a pod is read with its controller, its deletion and its finalizers', () => {
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

// A pod that counts as ready while its condition is False or Unknown waits for a budget that would allow its eviction.
test('a pod is ready only if its Ready condition is True', () => {
  const ready = (conditions: unknown) => readPod({ ...podObject, status: { phase: 'Running', conditions } }).ready;
  assert.equal(ready([{ type: 'Ready', status: 'False' }]), false);
  assert.equal(ready([{ type: 'Ready', status: 'Unknown' }]), false);
  assert.equal(ready([{ type: 'PodScheduled', status: 'True' }]), false);
  assert.equal(ready(null), false);
});

// An owner that is not the controller does not recreate the pod: a pod with such a DaemonSet owner must be evicted.
test('an owner that is not the controller is ignored', () => {
  const ownerReferences = [{ kind: 'DaemonSet', name: 'agent', controller: false }];
  assert.equal(readPod({ metadata: { uid: 'u', name: 'a', ownerReferences } }).controller, undefined);
});

// The eviction of a mirror pod changes nothing: the drain would wait for it until the deadline.
test('a static pod is recognized by its annotation', () => {
  const annotations = { 'kubernetes.io/config.mirror': '0123' };
  assert.equal(readPod({ metadata: { uid: 'u', name: 'a', annotations } }).mirror, true);
});

// Go writes empty lists and maps as null: an error on one of them would end the drain at the first pod.
test('null lists and maps are read as empty', () => {
  const nulls = { labels: null, annotations: null, finalizers: null, ownerReferences: null, deletionTimestamp: null };
  const { labels, finalizers, deletion, phase } = readPod({
    metadata: { uid: 'u', name: 'a', ...nulls },
    status: { conditions: null },
  });
  assert.deepEqual([labels, finalizers, deletion, phase], [{}, [], undefined, 'Pending']);
});

// The error page of a proxy, or half an event, would become a pod without a UID.
test('an object that is not a pod is refused', () => {
  for (const object of [undefined, null, 'text', {}, { metadata: {} }, { metadata: { name: 'a' } }]) {
    assert.throws(() => readPod(object));
  }
});

const read = ({ spec, status, annotations }: { spec?: object; status?: object; annotations?: object }) =>
  readPod({
    metadata: { uid: 'u', name: 'web-0', namespace: 'shop', ...(annotations && { annotations }) },
    ...(spec && { spec }),
    ...(status && { status }),
  });

// A pod whose containers have all terminated needs no wait; one with a running container does.
test('a pod is running while one of its containers has not terminated', () => {
  const terminated = { state: { terminated: { exitCode: 0 } } };
  const running = (...containerStatuses: object[]) => read({ status: { phase: 'Running', containerStatuses } }).running;
  assert.equal(running(terminated, terminated), false);
  assert.equal(running(terminated, { state: { running: {} } }), true);
  assert.equal(running({ state: { waiting: { reason: 'CrashLoopBackOff' } } }), true);
  assert.equal(running({ state: {} }), true);
  assert.equal(running({}), true);
  assert.equal(running(), false);
  assert.equal(read({}).running, false);
  assert.equal(read({ status: { containerStatuses: null } }).running, false);
});

// DNS and CNI pods evicted first would take the network from the others during their shutdown.
// https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/
test('a pod is critical from the priority of the system classes up', () => {
  const critical = (priority?: number) => read({ spec: { ...(priority !== undefined && { priority }) } }).critical;
  assert.deepEqual([2_000_001_000, 2_000_000_000].map(critical), [true, true]);
  assert.deepEqual([1_999_999_999, 1_000_000_000, 0, -10, undefined].map(critical), [
    false,
    false,
    false,
    false,
    false,
  ]);
});

// "false" in one annotation means what "true" means in the others: confused, the wrong pods are protected.
test('each of the three annotations protects a pod with its own value only', () => {
  for (const [key, value] of [
    ['node-drainer/wait', 'true'],
    ['karpenter.sh/do-not-disrupt', 'true'],
    ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'false'],
  ] as const) {
    assert.equal(read({ annotations: { [key]: value } }).doNotDisrupt, key);
    for (const other of [value === 'true' ? 'false' : 'true', '', 'True', '1']) {
      assert.equal(read({ annotations: { [key]: other } }).doNotDisrupt, undefined, `${key}=${other}`);
    }
  }
  assert.equal(read({ annotations: { 'example.com/wait': 'true' } }).doNotDisrupt, undefined);
  const safe = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true', 'karpenter.sh/do-not-disrupt': 'true' };
  assert.equal(read({ annotations: safe }).doNotDisrupt, 'karpenter.sh/do-not-disrupt');
});

// The taint stops a DaemonSet with many tolerations, but not one that tolerates every taint: its pods return.
test('only a toleration without a key tolerates every NoSchedule taint', () => {
  const tolerates = (...tolerations: object[]) => read({ spec: { tolerations } }).toleratesEverything;
  assert.equal(tolerates({ operator: 'Exists' }), true);
  assert.equal(tolerates({ key: 'gpu', operator: 'Exists' }, { operator: 'Exists', effect: 'NoSchedule' }), true);
  assert.equal(tolerates({ operator: 'Exists', effect: 'NoExecute' }), false);
  assert.equal(tolerates({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }), false);
  assert.equal(tolerates({ key: 'gpu', operator: 'Equal', value: 'a100' }), false);
  assert.equal(tolerates(), false);
  assert.equal(read({ spec: { tolerations: null } }).toleratesEverything, false);
});

// The next pod waits minutes for a volume whose detach the drain did not wait for.
// https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming
test('the claims of a pod are those in its spec and those of its ephemeral volumes', () => {
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } },
    { name: 'scratch', ephemeral: { volumeClaimTemplate: {} } },
    { name: 'config', configMap: { name: 'config' } },
    { name: 'tmp', emptyDir: {} },
  ];
  assert.deepEqual(read({ spec: { volumes } }).claims, ['data-db-0', 'web-0-scratch']);
  assert.deepEqual(read({ spec: { volumes: null } }).claims, []);
});
