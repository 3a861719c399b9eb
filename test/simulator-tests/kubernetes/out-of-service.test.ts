import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { at, eventually, MERGE, namesOf, podBody, startTestCluster, workload } from './test-cluster.ts';

const TAINT = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };
const ATTACHMENTS = '/apis/storage.k8s.io/v1/volumeattachments';

/** A machine that has stopped, with a pod that a budget protects, its volume, and one that the kubelet would never end. */
async function stoppedMachine(t: TestContext, monitorGraceMs = 20) {
  const cluster = await startTestCluster(t, { nodes: [{ name: 'mine' }], power: { monitorGraceMs } });
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  await cluster.runningPod('default', podBody('db', { spec: { nodeName: 'mine', volumes } }));
  await cluster.budget('default', 'v1', 'keep', { minAvailable: 1, selector: { matchLabels: { app: 'db' } } });
  const claimRef = { namespace: 'default', name: 'data' };
  await cluster.send('POST', '/api/v1/persistentvolumes', { metadata: { name: 'data' }, spec: { claimRef } });
  const spec = { attacher: 'csi', nodeName: 'mine', source: { persistentVolumeName: 'data' } };
  await cluster.send('POST', ATTACHMENTS, { metadata: { name: 'data' }, spec });
  const taint = () => cluster.send('PATCH', '/api/v1/nodes/mine', { spec: { taints: [TAINT] } }, MERGE);
  return { cluster, taint, attachments: async () => namesOf(await cluster.send('GET', ATTACHMENTS)) };
}

// A drainer that taints a stopped node, and a test that cannot see whether that helps.
// https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
test('the pods and volumes of a node out of service go as soon as the node is not ready', async (t) => {
  const { cluster, taint, attachments } = await stoppedMachine(t);
  cluster.simulator.powerOff('mine', 'stopped');
  await eventually(async () => {
    const { body } = await cluster.send('GET', '/api/v1/nodes/mine');
    return at(body, 'status', 'conditions', 0, 'status') === 'Unknown' ? true : undefined;
  }, 'the node to be Unknown');
  assert.deepEqual(await attachments(), ['data']);
  await taint();
  await eventually(
    async () => ((await cluster.pods('default')).length === 0 && (await attachments()).length === 0 ? true : undefined),
    'the pod to go and its volume to be detached',
  );
  assert.equal((await cluster.send('GET', '/api/v1/nodes/mine')).status, 200);
});

// A taint that comes before the control plane knows of the outage (pkg/controller/podgc, gcTerminating) frees nothing yet.
test('while the node is still called ready, its pods are asked to end and stay, with their volumes', async (t) => {
  const { cluster, taint, attachments } = await stoppedMachine(t, 1_000);
  cluster.simulator.powerOff('mine', 'stopped');
  await taint();
  await eventually(async () => {
    const [pod] = await cluster.pods('default');
    return at(pod, 'metadata', 'deletionTimestamp');
  }, 'the pod to be asked');
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal((await cluster.pods('default')).length, 1);
  assert.deepEqual(await attachments(), ['data']);
  await eventually(async () => ((await attachments()).length === 0 ? true : undefined), 'the volume to be detached');
});

// A taint that sends away node agents which are told to stay.
test('a pod that tolerates the taint stays', async (t) => {
  const cluster = await startTestCluster(t, { nodes: [{ name: 'mine' }] });
  const tolerations = [{ operator: 'Exists' }];
  await cluster.runningPod('default', podBody('agent', { spec: { nodeName: 'mine', tolerations } }));
  await cluster.send('POST', '/apis/apps/v1/namespaces/default/daemonsets', workload('other', undefined));
  await eventually(async () => ((await cluster.pods('default')).length === 2 ? true : undefined), 'both pods');
  await cluster.send('PATCH', '/api/v1/nodes/mine', { spec: { taints: [TAINT] } }, MERGE);
  await eventually(async () => ((await cluster.pods('default')).length === 1 ? true : undefined), 'the other to go');
  const [pod] = await cluster.pods('default');
  assert.equal(at(pod, 'metadata', 'name'), 'agent');
});
