import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, type Body, eventually, MERGE, podBody, startLab, workload } from './test-cluster.ts';

describe('budgets of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: a drainer that was tested against budgets that nobody enforces.
  test('an eviction that its budget refuses answers 429 with the budget as cause', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    await lab.budget(namespace, 'v1', 'tight', { minAvailable: 1, selector: { matchLabels: { app: 'a' } } });
    const refused = await lab.evict(namespace, 'a');
    assert.deepEqual(refused.body, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      reason: 'TooManyRequests',
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget tight needs 1 healthy pods and has 1 currently',
          },
        ],
      },
      code: 429,
    });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], undefined);
  });

  // Prevents: evictions that are all let through at once because the budget is only counted later.
  test('one allowed disruption admits one of two evictions that come together', async () => {
    const namespace = await lab.namespace();
    await lab.send(
      'POST',
      `/apis/apps/v1/namespaces/${namespace}/replicasets`,
      workload('web', 3, { 'lab/shutdown-ms': 'never' }),
    );
    const pods = await eventually(async () => {
      const running = await lab.pods(namespace, 'fieldSelector=status.phase=Running');
      return running.length === 3 ? running : undefined;
    }, 'three pods to run');
    await lab.budget(namespace, 'v1', 'web', { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } });
    const answers = await Promise.all(pods.map((pod) => lab.evict(namespace, String(at(pod, 'metadata', 'name')))));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 429, 429]);
  });

  // Prevents: a blocked pod that is never tried again because the budget's status does not tell when it may go.
  test('a watch of the budgets tells when a replacement makes room for the next disruption', async () => {
    const namespace = await lab.namespace();
    await lab.send('POST', `/apis/apps/v1/namespaces/${namespace}/replicasets`, workload('web', 2));
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
    await lab.budget(namespace, 'v1', 'web', { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } });
    const pods = await eventually(async () => {
      const { body } = await lab.send('GET', `${path}/web`);
      return at(body, 'status', 'disruptionsAllowed') === 1 ? lab.pods(namespace) : undefined;
    }, 'a disruption to be allowed');
    const version = await lab.version(path);
    const roomAgain = (events: Body[]): boolean => at(events.at(-1), 'object', 'status', 'disruptionsAllowed') === 1;
    const watched = lab.watch(`${path}?watch=true&timeoutSeconds=5&resourceVersion=${version}`, roomAgain);
    assert.equal((await lab.evict(namespace, String(at(pods, 0, 'metadata', 'name')))).status, 201);
    const allowed = (await watched).map((event) => at(event, 'object', 'status', 'disruptionsAllowed'));
    assert.equal(allowed[0], 0);
    assert.equal(allowed.at(-1), 1);
  });

  // Prevents: a drain that hangs at a misconfiguration which it takes for a passing error.
  test('two budgets on one pod make its eviction a 500 with the known message', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('a'));
    for (const name of ['one', 'two'])
      await lab.budget(namespace, 'v1', name, { maxUnavailable: 1, selector: { matchLabels: { app: 'a' } } });
    const { status, body } = await lab.evict(namespace, 'a');
    assert.equal(status, 500);
    assert.match(
      String(body['message']),
      /more than one PodDisruptionBudget, which the eviction subresource does not support/,
    );
  });

  // Prevents: finished, pending and terminating pods that block a drain which the real API would let pass.
  test('finished and pending pods are evicted whatever their budget says, and are gone at once', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('done', { labels: { app: 'x' }, spec: { restartPolicy: 'Never' } }));
    await lab.send(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/done/status`,
      { status: { phase: 'Succeeded' } },
      MERGE,
    );
    await lab.send(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      podBody('stuck', { labels: { app: 'x' }, spec: { nodeSelector: { no: 'such' } } }),
    );
    await lab.budget(namespace, 'v1', 'none', { maxUnavailable: 0, selector: { matchLabels: { app: 'x' } } });
    for (const name of ['done', 'stuck']) {
      assert.equal((await lab.evict(namespace, name)).status, 201);
      assert.equal((await lab.evict(namespace, name)).status, 404);
    }
  });

  // Prevents: unready pods that hold a node for ever under a policy which lets them go.
  test('AlwaysAllow lets an unready pod go that its budget would keep', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('sick'));
    const unready = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    await lab.send('PATCH', `/api/v1/namespaces/${namespace}/pods/sick/status`, unready, MERGE);
    const selector = { matchLabels: { app: 'sick' } };
    await lab.budget(namespace, 'v1', 'sick', { minAvailable: 1, selector });
    assert.equal((await lab.evict(namespace, 'sick')).status, 429);
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/sick`;
    await lab.send('PATCH', path, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, MERGE);
    assert.equal((await lab.evict(namespace, 'sick')).status, 201);
  });
});

describe('budgets of the simulated v1.20', { concurrency: true }, async () => {
  const lab = await startLab({ after }, { version: 'v1.20' });

  // Prevents: a retry at once of what the server has not counted yet.
  test('a budget that nobody has counted yet refuses, and says so', async () => {
    const namespace = await lab.namespace();
    await lab.runningPod(namespace, podBody('lonely'));
    // A pod without a controller has no scale, so that this budget is never counted.
    const body = { metadata: { name: 'b' }, spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'lonely' } } } };
    await lab.send('POST', `/apis/policy/v1beta1/namespaces/${namespace}/poddisruptionbudgets`, body);
    const refused = await lab.evict(namespace, 'lonely', {}, 'policy/v1beta1');
    assert.equal(refused.status, 429);
    assert.equal(
      at(refused.body, 'details', 'causes', 0, 'message'),
      'The disruption budget b is still being processed by the server.',
    );
  });
});
