import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { at, items, MERGE, startTestCluster } from './test-cluster.ts';

const EXCLUSION = 'node.kubernetes.io/exclude-from-external-load-balancers';
const OURS = 'node-drainer/excluded-from-load-balancers';

describe('merge patches of nodes of the simulated v1.34', async () => {
  const cluster = await startTestCluster({ after }, { nodes: 1 });
  const [node] = items(await cluster.send('GET', '/api/v1/nodes'));
  const path = `/api/v1/nodes/${String(at(node, 'metadata', 'name'))}`;
  const patch = async (body: object) => {
    const answer = await cluster.send('PATCH', path, body, MERGE);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };

  // A label that stays keeps the node out of its load balancers; one that takes the others with it moves its pods.
  // https://www.rfc-editor.org/rfc/rfc7386
  test('null removes one label and one annotation, and keeps the others', async () => {
    const before = await patch({ metadata: { labels: { zone: 'a' }, annotations: { note: 'b' } } });
    await patch({ metadata: { labels: { [EXCLUSION]: 'true' }, annotations: { [OURS]: 'true' } } });
    const restored = await patch({ metadata: { labels: { [EXCLUSION]: null }, annotations: { [OURS]: null } } });
    assert.deepEqual(at(restored, 'metadata', 'labels'), at(before, 'metadata', 'labels'));
    assert.deepEqual(at(restored, 'metadata', 'annotations'), at(before, 'metadata', 'annotations'));
  });

  // A write without a change wakes every watch of the cluster, and makes the next writer's version old.
  test('null for a label that is not there creates no new version, and leaves no empty field', async () => {
    const annotations = at((await cluster.send('GET', path)).body, 'metadata', 'annotations') ?? {};
    const none = Object.fromEntries(Object.keys(annotations).map((key) => [key, null]));
    const bare = await patch({ metadata: { annotations: none } });
    assert.equal(at(bare, 'metadata', 'annotations'), undefined);
    const version = at(bare, 'metadata', 'resourceVersion');
    const again = await patch({ metadata: { labels: { [EXCLUSION]: null }, annotations: { [OURS]: null } } });
    assert.equal(at(again, 'metadata', 'resourceVersion'), version);
    assert.equal(at(again, 'metadata', 'annotations'), undefined);
  });

  // An uncordoned node has no field `unschedulable`, and one without taints no field `taints`: Go omits them.
  test('null uncordons the node, and an empty list of taints removes the field', async () => {
    const taints = [{ key: 'node-drainer/terminating', effect: 'NoSchedule' }];
    await patch({ spec: { unschedulable: true, taints } });
    const restored = await patch({ spec: { unschedulable: null, taints: [] } });
    assert.equal(at(restored, 'spec', 'unschedulable'), undefined);
    assert.equal(at(restored, 'spec', 'taints'), undefined);
  });

  // Without these preconditions, the node that was registered under the same name is cordoned, or a taint of others is overwritten.
  test('the UID and the resource version in the body are preconditions', async () => {
    const version = await cluster.version(path);
    const spec = { unschedulable: true };
    const replaced = await cluster.send('PATCH', path, { metadata: { uid: 'the-old-one' }, spec }, MERGE);
    assert.equal(replaced.status, 422);
    assert.match(String(replaced.body['message']), /metadata\.uid/);
    await patch({ metadata: { labels: { zone: 'b' } } });
    const outdated = await cluster.send('PATCH', path, { metadata: { resourceVersion: version }, spec }, MERGE);
    assert.equal(outdated.status, 409);
    assert.equal(at((await cluster.send('GET', path)).body, 'spec', 'unschedulable'), undefined);
  });
});
