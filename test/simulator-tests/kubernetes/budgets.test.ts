import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, type Body, eventually, MERGE, podBody, startTestCluster, workload } from './test-cluster.ts';

describe('budgets of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // Without enforced budgets, no test can detect a drainer that ignores them.
  test('an eviction that its budget refuses answers 429 with the budget as cause', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    await cluster.budget(namespace, 'v1', 'tight', { minAvailable: 1, selector: { matchLabels: { app: 'a' } } });
    const refused = await cluster.evict(namespace, 'a');
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

  // If the budget status is updated too late, concurrent evictions all pass.
  test('one allowed disruption admits one of three concurrent evictions', async () => {
    const namespace = await cluster.namespace();
    await cluster.send(
      'POST',
      `/apis/apps/v1/namespaces/${namespace}/replicasets`,
      workload('web', 3, { 'lab/shutdown-ms': 'never' }),
    );
    const pods = await eventually(async () => {
      const running = await cluster.pods(namespace, 'fieldSelector=status.phase=Running');
      return running.length === 3 ? running : undefined;
    }, 'three pods to run');
    await cluster.budget(namespace, 'v1', 'web', { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } });
    const answers = await Promise.all(pods.map((pod) => cluster.evict(namespace, String(at(pod, 'metadata', 'name')))));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 429, 429]);
  });

  // If the budget status does not change, a blocked pod is never retried.
  test('a watch of budgets reports when a replacement pod allows the next disruption', async () => {
    const namespace = await cluster.namespace();
    await cluster.send('POST', `/apis/apps/v1/namespaces/${namespace}/replicasets`, workload('web', 2));
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
    await cluster.budget(namespace, 'v1', 'web', { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } });
    const pods = await eventually(async () => {
      const { body } = await cluster.send('GET', `${path}/web`);
      return at(body, 'status', 'disruptionsAllowed') === 1 ? cluster.pods(namespace) : undefined;
    }, 'a disruption to be allowed');
    const version = await cluster.version(path);
    const isAllowedAgain = (events: Body[]): boolean =>
      at(events.at(-1), 'object', 'status', 'disruptionsAllowed') === 1;
    const watched = cluster.watch(`${path}?watch=true&timeoutSeconds=5&resourceVersion=${version}`, isAllowedAgain);
    assert.equal((await cluster.evict(namespace, String(at(pods, 0, 'metadata', 'name')))).status, 201);
    const allowed = (await watched).map((event) => at(event, 'object', 'status', 'disruptionsAllowed'));
    assert.equal(allowed[0], 0);
    assert.equal(allowed.at(-1), 1);
  });

  // A drain that treats this misconfiguration as a transient error hangs.
  test('the eviction of a pod with two budgets fails with 500 and the message of the API server', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('a'));
    for (const name of ['one', 'two'])
      await cluster.budget(namespace, 'v1', name, { maxUnavailable: 1, selector: { matchLabels: { app: 'a' } } });
    const { status, body } = await cluster.evict(namespace, 'a');
    assert.equal(status, 500);
    assert.match(
      String(body['message']),
      /more than one PodDisruptionBudget, which the eviction subresource does not support/,
    );
  });

  // Finished and pending pods would block a drain that succeeds on a real API server.
  test('finished and pending pods bypass their budget and are deleted at once', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('done', { labels: { app: 'x' }, spec: { restartPolicy: 'Never' } }));
    await cluster.send(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/done/status`,
      { status: { phase: 'Succeeded' } },
      MERGE,
    );
    await cluster.send(
      'POST',
      `/api/v1/namespaces/${namespace}/pods`,
      podBody('stuck', { labels: { app: 'x' }, spec: { nodeSelector: { no: 'such' } } }),
    );
    await cluster.budget(namespace, 'v1', 'none', { maxUnavailable: 0, selector: { matchLabels: { app: 'x' } } });
    for (const name of ['done', 'stuck']) {
      assert.equal((await cluster.evict(namespace, name)).status, 201);
      assert.equal((await cluster.evict(namespace, name)).status, 404);
    }
  });

  // Unready pods would block a drain although the policy allows their eviction.
  test('AlwaysAllow permits the eviction of an unready pod that its budget would block', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('sick'));
    const unready = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    await cluster.send('PATCH', `/api/v1/namespaces/${namespace}/pods/sick/status`, unready, MERGE);
    const selector = { matchLabels: { app: 'sick' } };
    await cluster.budget(namespace, 'v1', 'sick', { minAvailable: 1, selector });
    assert.equal((await cluster.evict(namespace, 'sick')).status, 429);
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/sick`;
    await cluster.send('PATCH', path, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, MERGE);
    assert.equal((await cluster.evict(namespace, 'sick')).status, 201);
  });
});

describe('budgets of the simulated v1.20', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after }, { version: 'v1.20' });

  // An immediate retry cannot succeed before the controller has processed the budget.
  test('a budget that the controller has not processed yet blocks evictions, with its own message', async () => {
    const namespace = await cluster.namespace();
    await cluster.runningPod(namespace, podBody('lonely'));
    // A pod without a controller has no scale, so the controller never processes this budget.
    const body = { metadata: { name: 'b' }, spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'lonely' } } } };
    await cluster.send('POST', `/apis/policy/v1beta1/namespaces/${namespace}/poddisruptionbudgets`, body);
    const refused = await cluster.evict(namespace, 'lonely', {}, 'policy/v1beta1');
    assert.equal(refused.status, 429);
    assert.equal(
      at(refused.body, 'details', 'causes', 0, 'message'),
      'The disruption budget b is still being processed by the server.',
    );
  });
});
