import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, startLab } from './test-cluster.ts';

describe('discovery of the simulated v1.34', { concurrency: true }, async () => {
  const lab = await startLab({ after });

  // Prevents: a drainer that speaks the wrong eviction API because discovery did not say.
  test('discovery names the version of Eviction', async () => {
    const { body } = await lab.send('GET', '/api/v1');
    const resources = at(body, 'resources');
    assert.ok(Array.isArray(resources));
    const found = resources.find((resource) => at(resource, 'name') === 'pods/eviction');
    assert.deepEqual([at(found, 'group'), at(found, 'version'), at(found, 'kind')], ['policy', 'v1', 'Eviction']);
    assert.equal((await lab.send('GET', '/apis/policy/v1beta1')).status, 404);
  });
});
