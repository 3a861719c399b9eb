import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, eventually, MERGE, podBody, startTestCluster } from './test-cluster.ts';

// A dead machine whose node stays Ready for ever, so that nothing that looks for dead kubelets is ever tested.
test('a node whose machine is off becomes Unknown, then goes with its pods', async (t) => {
  const power = { monitorGraceMs: 100, cloudCheckMs: 300 };
  const cluster = await startTestCluster(t, { nodes: 2, power });
  const [name] = (await cluster.send('GET', '/api/v1/nodes')).text.match(/ip-10-0-0-0[^"]*/) ?? [];
  await cluster.runningPod('default', podBody('a', { spec: { nodeName: name } }));
  cluster.simulator.powerOff(String(name));
  await cluster.evict('default', 'a');
  const node = await eventually(async () => {
    const { body } = await cluster.send('GET', `/api/v1/nodes/${name}`);
    return at(body, 'status', 'conditions', 0, 'status') === 'Unknown' ? body : undefined;
  }, 'the node to be Unknown');
  assert.equal(at(node, 'status', 'conditions', 0, 'reason'), 'NodeStatusUnknown');
  assert.deepEqual(
    [0, 1].map((index) => [at(node, 'spec', 'taints', index, 'key'), at(node, 'spec', 'taints', index, 'effect')]),
    ['NoSchedule', 'NoExecute'].map((effect) => ['node.kubernetes.io/unreachable', effect]),
  );
  // Nobody ends its containers any more, and nobody says that they are not ready but the control plane.
  const [pod] = await cluster.pods('default');
  assert.equal(at(pod, 'status', 'phase'), 'Running');
  const conditions = at(pod, 'status', 'conditions');
  assert.ok(Array.isArray(conditions));
  assert.equal(
    at(
      conditions.find((one) => at(one, 'type') === 'Ready'),
      'status',
    ),
    'False',
  );
  await eventually(async () => {
    const { status } = await cluster.send('GET', `/api/v1/nodes/${name}`);
    return status === 404 && (await cluster.pods('default')).length === 0 ? true : undefined;
  }, 'the node and its pods to go');
});

// A node that comes back after a reboot, and whose kubelet stays silent.
test('a node that registers again has a machine', async (t) => {
  const cluster = await startTestCluster(t, { nodes: [{ name: 'mine' }] });
  cluster.simulator.powerOff('mine');
  await cluster.send('DELETE', '/api/v1/nodes/mine');
  await cluster.send('POST', '/api/v1/nodes', { metadata: { name: 'mine' } });
  await cluster.runningPod('default', podBody('a', { spec: { nodeName: 'mine' } }));
});

// An instance with a new root volume whose node is deleted in the simulator, and comes back at AWS.
// https://pkg.go.dev/k8s.io/cloud-provider/controllers/nodelifecycle#CloudNodeLifecycleController.MonitorNodes
test('the node of a stopped machine stays, and is as it was when the machine runs again', async (t) => {
  const cluster = await startTestCluster(t, {
    nodes: [{ name: 'mine' }],
    power: { monitorGraceMs: 50, cloudCheckMs: 50 },
  });
  const never = { annotations: { 'lab/shutdown-ms': 'never' }, spec: { nodeName: 'mine' } };
  for (const name of ['stays', 'leaves']) await cluster.runningPod('default', podBody(name, never));
  await cluster.send('PATCH', '/api/v1/nodes/mine', { spec: { unschedulable: true } }, MERGE);
  cluster.simulator.powerOff('mine', 'stopped');
  await cluster.evict('default', 'leaves');
  const keysOf = (node: unknown) => {
    const taints = at(node, 'spec', 'taints');
    return Array.isArray(taints) ? taints.map((taint) => String(at(taint, 'key')).replace(/^.*\//, '')) : [];
  };
  await eventually(async () => {
    const { body } = await cluster.send('GET', '/api/v1/nodes/mine');
    return keysOf(body).includes('shutdown') ? body : undefined;
  }, 'the node to be tainted');
  cluster.simulator.powerOn('mine');
  const { body } = await cluster.send('GET', '/api/v1/nodes/mine');
  assert.equal(at(body, 'status', 'conditions', 0, 'status'), 'True');
  assert.deepEqual(keysOf(body), ['unschedulable']);
  const pods = await cluster.pods('default');
  assert.deepEqual(
    pods.map((pod) => at(pod, 'metadata', 'name')),
    ['stays'],
  );
  await cluster.running('default', 'stays');
});
