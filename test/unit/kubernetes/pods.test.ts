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
    graceSeconds: 30,
    running: true,
    invalidAnnotations: [],
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

type Parts = { spec?: object; status?: object; annotations?: object; labels?: object; creationTimestamp?: string };
const read = ({ spec, status, ...metadata }: Parts) =>
  readPod({
    metadata: { uid: 'u', name: 'web-0', namespace: 'shop', ...metadata },
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
});

// A database in a native sidecar, or a debug session, would be cut off: the containers of the first list have ended long before.
// kubernetes: pkg/kubelet/kuberuntime/kuberuntime_container.go; https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
test('native sidecars and ephemeral containers count like the others', () => {
  const terminated = { state: { terminated: { exitCode: 0 } } };
  const running = { state: { running: {} } };
  const containerStatuses = [terminated];
  for (const list of ['initContainerStatuses', 'ephemeralContainerStatuses']) {
    const pod = (...others: object[]) => read({ status: { phase: 'Running', containerStatuses, [list]: others } });
    assert.equal(pod(terminated, running).running, true, list);
    assert.equal(pod(terminated).running, false, list);
    assert.equal(pod().running, false, list);
  }
  // The init containers are done, and the kubelet has reported no other container yet.
  assert.equal(read({ status: { initContainerStatuses: [terminated, running] } }).running, true);
});

// A kubelet that has just been given the pod reports its containers a second later: without one it seems to have ended.
test('a pod of which no container has been reported counts as running', () => {
  const nulls = { containerStatuses: null, initContainerStatuses: null, ephemeralContainerStatuses: null };
  for (const status of [undefined, { phase: 'Pending' }, { phase: 'Running', containerStatuses: [] }, nulls]) {
    assert.equal(read({ ...(status && { status }) }).running, true, JSON.stringify(status));
  }
});

// Every pod gets its SIGTERM so long before the end of the instance: a grace that is read as 30 s cuts a database off.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination (the default is 30 s)
test('the grace of a pod is the one of its spec, 30 seconds by default', () => {
  const grace = (terminationGracePeriodSeconds?: unknown) =>
    read({ spec: { terminationGracePeriodSeconds } }).graceSeconds;
  assert.deepEqual([grace(900), grace(1), grace(0)], [900, 1, 0]);
  assert.deepEqual([grace(), grace(null), read({}).graceSeconds], [30, 30, 30]);
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
    assert.deepEqual(read({ annotations: { [key]: value } }).doNotDisrupt, { source: key });
    for (const other of [value === 'true' ? 'false' : 'true', '', 'True', '1']) {
      assert.equal(read({ annotations: { [key]: other } }).doNotDisrupt, undefined, `${key}=${other}`);
    }
  }
  assert.equal(read({ annotations: { 'example.com/wait': 'true' } }).doNotDisrupt, undefined);
  const safe = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true', 'karpenter.sh/do-not-disrupt': 'true' };
  assert.deepEqual(read({ annotations: safe }).doNotDisrupt, { source: 'karpenter.sh/do-not-disrupt' });
});

// A batch job that asked to be left until it has finished would start again from the beginning.
// Cluster Autoscaler 1.36: safe-to-evict "on-completion"; Cluster API: the label cluster.x-k8s.io/drain=wait-completed
test('a pod may ask to be left until it has finished, by annotation or by label', () => {
  const safeToEvict = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
  assert.deepEqual(read({ annotations: { [safeToEvict]: 'on-completion' } }).doNotDisrupt, { source: safeToEvict });
  const drain = 'cluster.x-k8s.io/drain';
  assert.deepEqual(read({ labels: { [drain]: 'wait-completed' } }).doNotDisrupt, { source: drain });
  for (const other of ['true', 'completed', '', 'skip']) {
    assert.equal(read({ labels: { [drain]: other } }).doNotDisrupt, undefined, other);
  }
  assert.equal(read({ annotations: { [drain]: 'wait-completed' } }).doNotDisrupt, undefined);
});

const STARTED_AT = Date.parse('2026-01-02T03:04:05Z');
const started = { phase: 'Running', startTime: '2026-01-02T03:04:05Z' };
const forDuration = (value: string) => read({ annotations: { 'karpenter.sh/do-not-disrupt': value }, status: started });

// A pod that asked for four hours would be evicted at once, or protected without an end.
// karpenter: designs/do-not-disrupt-grace-period.md (a duration of Go's from the start of the pod); https://pkg.go.dev/time#ParseDuration
test('a duration protects a pod from its own start on', () => {
  const minute = 60_000;
  for (const [value, ms] of [
    ['4h', 240 * minute],
    ['1h30m', 90 * minute],
    ['90s', 1.5 * minute],
    ['1.5h', 90 * minute],
    ['1m500ms', minute + 500],
    ['0s', 0],
  ] as const) {
    const { doNotDisrupt, invalidAnnotations } = forDuration(value);
    assert.deepEqual(doNotDisrupt, { source: 'karpenter.sh/do-not-disrupt', until: STARTED_AT + ms }, value);
    assert.deepEqual(invalidAnnotations, [], value);
  }
});

// A pod that has not started has no start time yet: it would seem protected until 1970, or for ever.
test('the duration of a pod that has not started counts from its creation', () => {
  const annotations = { 'karpenter.sh/do-not-disrupt': '1h' };
  const pod = read({ annotations, creationTimestamp: '2026-01-02T03:04:05Z', status: { startTime: null } });
  assert.equal(pod.doNotDisrupt?.until, STARTED_AT + 3_600_000);
});

// Nobody would find out why a pod that should be protected is evicted; a negative duration read as a number would protect it until
// before its start.
test('a value that is no duration protects nothing, and is reported as it stands', () => {
  for (const value of ['banana', '-5m', '5', '', '1h 30m', '4 h', '1d', 'h', '1h30', 'True', 'yes']) {
    const { doNotDisrupt, invalidAnnotations } = forDuration(value);
    assert.equal(doNotDisrupt, undefined, value);
    assert.deepEqual(invalidAnnotations, [`karpenter.sh/do-not-disrupt=${value}`]);
  }
  assert.deepEqual(forDuration('true').invalidAnnotations, []);
  assert.deepEqual(forDuration('false'), read({ status: started, annotations: {} }));
  // Without any time to count from, no duration can be kept.
  const annotations = { 'karpenter.sh/do-not-disrupt': '4h' };
  assert.deepEqual(read({ annotations }).invalidAnnotations, ['karpenter.sh/do-not-disrupt=4h']);
});

// A value of a megabyte, or one that rewrites the terminal, would go to the log as it is.
test('an invalid value is reported printable and truncated', () => {
  const [reported = ''] = forDuration(`\u001b[2J${'x'.repeat(1_000)}`).invalidAnnotations;
  assert.ok(reported.length < 100, reported);
  assert.doesNotMatch(reported, /[\p{Cc}]/u);
});

// A pod that is to stay until the instance ends would be evicted, and the drain would wait for one that never goes.
// Cluster API: internal/controllers/machine/drain/filters.go (drainLabelFilter)
test('a pod stays by the label of Cluster API, or by the label or annotation of the drainer', () => {
  assert.equal(read({ labels: { 'cluster.x-k8s.io/drain': 'skip' } }).staysBy, 'label cluster.x-k8s.io/drain=skip');
  assert.equal(read({ labels: { 'node-drainer/skip': 'true' } }).staysBy, 'label node-drainer/skip=true');
  assert.equal(read({ annotations: { 'node-drainer/skip': 'true' } }).staysBy, 'annotation node-drainer/skip=true');
  for (const others of [
    { labels: { 'cluster.x-k8s.io/drain': 'wait-completed', 'node-drainer/skip': 'false' } },
    { annotations: { 'cluster.x-k8s.io/drain': 'skip', 'node-drainer/skip': 'True' } },
    {},
  ]) {
    assert.equal(read(others).staysBy, undefined, JSON.stringify(others));
  }
});

// A log agent that tolerates the taint by name is to outlive the others. Pods that tolerate everything did not ask for it: a
// Deployment with such a toleration would keep all its pods on the node until they are cut off.
// karpenter: pkg/apis/v1/taints.go (karpenter.sh/disrupted:NoSchedule), pkg/utils/pod/scheduling.go
test("a pod that tolerates Karpenter's taint by name stays; one that tolerates everything does not", () => {
  const staysBy = (...tolerations: object[]) => read({ spec: { tolerations } }).staysBy;
  const key = 'karpenter.sh/disrupted';
  for (const effect of [{}, { effect: '' }, { effect: 'NoSchedule' }]) {
    const toleration = { key, operator: 'Exists', ...effect };
    assert.equal(staysBy({ key: 'gpu' }, toleration), 'toleration of karpenter.sh/disrupted', JSON.stringify(effect));
  }
  assert.equal(staysBy({ key, operator: 'Exists', effect: 'NoExecute' }), undefined);
  assert.equal(staysBy({ operator: 'Exists' }), undefined);
  assert.equal(staysBy({ operator: 'Exists', effect: 'NoSchedule' }), undefined);
  assert.equal(staysBy({ key: '', operator: 'Exists' }), undefined);
  assert.equal(staysBy({ key: 'karpenter.sh/disruption', operator: 'Exists' }), undefined);
  assert.equal(staysBy(), undefined);
  assert.equal(read({ spec: { tolerations: null } }).staysBy, undefined);
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

// "Not ready" is what a pod is that starts, too; the owner looks for CrashLoopBackOff.
test('why a container does not run is read, unless it only starts', () => {
  const failing = (...reasons: (string | undefined)[]) => {
    const containerStatuses = reasons.map((reason) => ({
      state: reason === undefined ? { running: {} } : { waiting: { reason } },
    }));
    return read({ status: { phase: 'Running', containerStatuses } }).failing;
  };
  assert.equal(failing('CrashLoopBackOff'), 'CrashLoopBackOff');
  assert.equal(failing(undefined, 'ContainerCreating', 'ImagePullBackOff'), 'ImagePullBackOff');
  assert.equal(failing('PodInitializing'), undefined);
  assert.equal(failing(undefined), undefined);
  assert.equal(failing(), undefined);
  const initContainerStatuses = [{ state: { waiting: { reason: 'CrashLoopBackOff' } } }];
  assert.equal(read({ status: { phase: 'Pending', initContainerStatuses } }).failing, 'CrashLoopBackOff');
});
