import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Deployment } from '../../../app/drain/deployment.ts';
import {
  deploymentCollection,
  readDeployment,
  readDeploymentOf,
  restartDeployment,
} from '../../../app/kubernetes/deployments.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { apiServer, clientOf, json, status } from '../../support/api-server.ts';
import { ManualClock } from '../../support/clock.ts';
import { pod } from '../../support/objects.ts';

const never = new AbortController().signal;
const APPS = '/apis/apps/v1/namespaces/shop';
const RESTARTED = 'kubectl.kubernetes.io/restartedAt';

const object = (spec: object = {}, deploymentStatus: object = {}, annotations: object = {}) => ({
  metadata: { uid: 'u', name: 'web', namespace: 'shop', resourceVersion: '7', generation: 3 },
  spec: { replicas: 4, template: { metadata: { annotations } }, ...spec },
  status: deploymentStatus,
});
const strategyOf = (replicas: number, rollingUpdate: object | undefined, type = 'RollingUpdate') =>
  readDeployment(object({ replicas, strategy: { type, rollingUpdate } })).strategy;

// 25 % of one replica is a whole pod more, and none less: this is why most single replicas can surge.
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/util/deployment_util_test.go (TestResolveFenceposts)
test('the surge is rounded up, and what may be unavailable down', () => {
  const quarter = { maxSurge: '25%', maxUnavailable: '25%' };
  assert.deepEqual(strategyOf(1, quarter), { maxSurge: 1, maxUnavailable: 0 });
  assert.deepEqual(strategyOf(10, quarter), { maxSurge: 3, maxUnavailable: 2 });
  assert.deepEqual(strategyOf(2, undefined), { maxSurge: 1, maxUnavailable: 0 });
  assert.deepEqual(strategyOf(3, { maxSurge: 2, maxUnavailable: 9 }), { maxSurge: 2, maxUnavailable: 3 });
  assert.deepEqual(strategyOf(2, { maxSurge: 0, maxUnavailable: '25%' }), { maxSurge: 0, maxUnavailable: 1 });
  assert.equal(strategyOf(2, undefined, 'Recreate'), 'Recreate');
});

// A restart by hand counts as one by us, in whatever time zone it was written.
test('the instant of the last restart is read from the template', () => {
  const at = (value: string) => readDeployment(object({}, {}, { [RESTARTED]: value })).restartedAt;
  assert.equal(at('2021-07-06T16:17:18+02:00'), Date.parse('2021-07-06T14:17:18Z'));
  assert.equal(at('yesterday'), undefined);
  assert.equal(readDeployment({ ...object(), spec: { template: {} } }).restartedAt, undefined);
});

test('counts that the API omits are 0, and a progress deadline of the largest number is none', () => {
  const { status: read, progressDeadlineSeconds } = readDeployment(object({ progressDeadlineSeconds: 2_147_483_647 }));
  assert.deepEqual(read, { observedGeneration: 0, replicas: 0, updated: 0, available: 0, stalled: false });
  assert.equal(progressDeadlineSeconds, Number.POSITIVE_INFINITY);
  const condition = (reason: string, is: string) => ({ conditions: [{ type: 'Progressing', status: is, reason }] });
  assert.equal(readDeployment(object({}, condition('ProgressDeadlineExceeded', 'False'))).status.stalled, true);
  assert.equal(readDeployment(object({}, condition('ReplicaSetCreateError', 'False'))).status.stalled, false);
});

async function server(t: TestContext, objects: Readonly<Record<string, object>>) {
  const { url, received } = await apiServer(t, ({ path, method }, response) => {
    const found = objects[method === 'PATCH' ? `patch ${path}` : path];
    const name = path.split('/').at(-1) ?? '';
    if (found === undefined) return json(response, 404, status(404, 'NotFound', `"${name}" not found`, { name }));
    const { code } = { code: 200, ...found };
    return json(response, code, found);
  });
  return { client: clientOf(t, url, new ManualClock()), received };
}

// The ReplicaSet of a rollout that is over wants no pods: its last one ends by itself.
test('the Deployment of a pod is that of its ReplicaSet, which tells how many pods it keeps', async (t) => {
  const owned = (kind: string) => ({
    metadata: { uid: 's', name: 'web-1', ownerReferences: [{ kind, name: 'web', controller: true }] },
    spec: { replicas: 0 },
  });
  const { client } = await server(t, {
    [`${APPS}/replicasets/web-1`]: owned('Deployment'),
    [`${APPS}/replicasets/roll-1`]: owned('Rollout'),
    [`${APPS}/deployments/web`]: object(),
  });
  const read = (kind: string, name: string) =>
    readDeploymentOf(client, pod('web-0', { controller: { kind, name } }), never);
  const found = await read('ReplicaSet', 'web-1');
  assert.deepEqual([found?.deployment.name, found?.podsWanted], ['web', 0]);
  assert.equal(await read('ReplicaSet', 'roll-1'), undefined);
  assert.equal(await read('ReplicaSet', 'gone'), undefined);
  assert.equal(await read('StatefulSet', 'web'), undefined);
  assert.equal(await readDeploymentOf(client, pod('bare'), never), undefined);
});

const deployment: Deployment = readDeployment(object());
const AT = Date.parse('2026-01-02T03:04:05.678Z');

// Without the version two drains restart it at the same moment, and anything else in the patch is not ours to change.
test('a restart sets nothing but the annotation, on the Deployment as it was read', async (t) => {
  const { client, received } = await server(t, { [`patch ${APPS}/deployments/web`]: object() });
  const restarted = await restartDeployment(client, deployment, AT, never);
  assert.equal(restarted === 'changed' ? restarted : restarted.generation, 3);
  const [request] = received;
  assert.equal(request?.headers['content-type'], 'application/merge-patch+json');
  assert.deepEqual(JSON.parse(request?.body ?? ''), {
    metadata: { resourceVersion: '7' },
    spec: { template: { metadata: { annotations: { [RESTARTED]: '2026-01-02T03:04:05.678Z' } } } },
  });
});

test('a conflict, and a Deployment that is gone, are no errors; a missing right and a webhook are', async (t) => {
  const answer = async (code: number, reason: string, message: string) => {
    const body = status(code, reason, message, { name: 'web' });
    const { client } = await server(t, { [`patch ${APPS}/deployments/web`]: body });
    return restartDeployment(client, deployment, AT, never);
  };
  assert.equal(await answer(409, 'Conflict', 'the object has been modified'), 'changed');
  assert.equal(await answer(404, 'NotFound', 'deployments.apps "web" not found'), 'changed');
  const denied = 'User "node-drainer" cannot patch resource "deployments" in API group "apps"';
  await assert.rejects(answer(403, 'Forbidden', denied), Denied);
  await assert.rejects(answer(409, 'Conflict', 'admission webhook "freeze.example.com" denied the request'), /freeze/);
});

test('one Deployment is watched by its name', () => {
  assert.equal(deploymentCollection(deployment).path, `${APPS}/deployments?fieldSelector=metadata.name%3Dweb`);
});
