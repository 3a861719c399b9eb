import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTags } from '../../../app/config/tags.ts';

const clustersIn = (tags: Record<string, string>) => readTags(tags).clusters;

// An event reaches the drainers of several clusters, and the wrong one completes the hook.
// https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html#tag-resources-for-billing
test('the clusters of an instance are those that its tags name', () => {
  assert.deepEqual(clustersIn({ 'kubernetes.io/cluster/prod': 'owned', Name: 'x' }), ['prod']);
  assert.deepEqual(clustersIn({ 'aws:eks:cluster-name': 'prod' }), ['prod']);
  assert.deepEqual(clustersIn({ 'eks:cluster-name': 'prod', 'kubernetes.io/cluster/prod': 'owned' }), ['prod']);
  assert.deepEqual(
    [...clustersIn({ 'kubernetes.io/cluster/a': 'shared', 'kubernetes.io/cluster/b': 'owned' })].sort(),
    ['a', 'b'],
  );
  assert.deepEqual(clustersIn({ Name: 'prod', 'kubernetes.io/cluster/': 'owned' }), []);
});

// The operator's own tag, and what others have set, decide differently.
test('the tag of the drainer is apart from those that others set', () => {
  const tags = readTags({ 'node-drainer/cluster': 'lab', 'eks:cluster-name': 'prod' });
  assert.deepEqual(tags, { namedCluster: 'lab', clusters: ['prod'], isHeld: false });
});

// A person who holds an instance during an incident has no time to look up the right value.
test('an instance is held by any value of the tag but false', () => {
  for (const value of ['true', '', 'yes', 'incident 42'])
    assert.equal(readTags({ 'node-drainer/hold': value }).isHeld, true);
  assert.equal(readTags({ 'node-drainer/hold': 'false' }).isHeld, false);
  assert.equal(readTags({}).isHeld, false);
});
