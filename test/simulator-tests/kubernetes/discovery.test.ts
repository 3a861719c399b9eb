import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, startTestCluster } from './test-cluster.ts';

describe('discovery of the simulated v1.34', { concurrency: true }, async () => {
  const cluster = await startTestCluster({ after });

  // Without the version in discovery, a drainer uses the wrong eviction API.
  test('discovery lists the API version of Eviction', async () => {
    const { body } = await cluster.send('GET', '/api/v1');
    const resources = at(body, 'resources');
    assert.ok(Array.isArray(resources));
    const found = resources.find((resource) => at(resource, 'name') === 'pods/eviction');
    assert.deepEqual([at(found, 'group'), at(found, 'version'), at(found, 'kind')], ['policy', 'v1', 'Eviction']);
    assert.equal((await cluster.send('GET', '/apis/policy/v1beta1')).status, 404);
  });
});
