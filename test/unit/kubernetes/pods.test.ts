import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPod } from '../../../app/kubernetes/pods.ts';

const read = ({ spec, status, annotations }: { spec?: object; status?: object; annotations?: object }) =>
  readPod({
    metadata: { uid: 'u', name: 'web-0', namespace: 'shop', ...(annotations && { annotations }) },
    ...(spec && { spec }),
    ...(status && { status }),
  });

// A pod whose containers have all ended is a shell; one of whose containers still runs is not, and must be waited for.
test('a pod runs as long as one of its containers has not ended', () => {
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

// https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/
test('a pod is critical from the priority of the system classes on', () => {
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

// "false" in the one annotation says what "true" says in the others: mixed up, the wrong pods are given time.
test('each of the three annotations asks for time, with its own value, and with no other', () => {
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

// Our taint stops a DaemonSet that tolerates many taints, and not one that tolerates all: that one comes back.
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

// https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming
test('its claims are those that it names, and those that are made for it', () => {
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } },
    { name: 'scratch', ephemeral: { volumeClaimTemplate: {} } },
    { name: 'config', configMap: { name: 'config' } },
    { name: 'tmp', emptyDir: {} },
  ];
  assert.deepEqual(read({ spec: { volumes } }).claims, ['data-db-0', 'web-0-scratch']);
  assert.deepEqual(read({ spec: { volumes: null } }).claims, []);
});
