import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClusterTemplate,
  type ConfiguredCluster,
  clusterNameOf,
  resolveCluster,
} from '../../../app/config/cluster-source.ts';
import { readTags } from '../../../app/config/tags.ts';

const region = 'eu-central-1';
const EKS: ClusterTemplate = { kind: 'eks', region };
const S3: ClusterTemplate = {
  kind: 'kubeconfig-object',
  bucket: 'configs',
  object: 'clusters/{cluster}/kubeconfig',
  region,
};
const PROD: ConfiguredCluster = { kind: 'eks', name: 'prod', region };

const resolve = (configured: ConfiguredCluster, tags: Record<string, string> | undefined) =>
  resolveCluster(configured, tags && readTags(tags));
const byTags = (template: ClusterTemplate, tags: Record<string, string> | undefined) =>
  resolve({ kind: 'by-tags', template }, tags);
const ownTag = (value: string) => ({ 'node-drainer/cluster': value });

/** Why the cluster is unknown; undefined: it is known. */
function unknown(template: ClusterTemplate, tags: Record<string, string> | undefined): string | undefined {
  const resolution = byTags(template, tags);
  return resolution.kind === 'unknown' ? resolution.reason : undefined;
}

// One drainer for ten clusters, and each instance goes to the first of them.
test('the cluster that the tags name is the one to connect to', () => {
  for (const tags of [{ 'eks:cluster-name': 'lab' }, { 'kubernetes.io/cluster/lab': 'owned' }, ownTag('lab')]) {
    assert.deepEqual(byTags(EKS, tags), { kind: 'resolved', cluster: { kind: 'eks', name: 'lab', region } });
    const resolution = byTags(S3, tags);
    assert.deepEqual(resolution, {
      kind: 'resolved',
      cluster: { kind: 'kubeconfig-object', bucket: 'configs', object: 'clusters/lab/kubeconfig', region, name: 'lab' },
    });
    assert.equal(resolution.kind === 'resolved' && clusterNameOf(resolution.cluster), 'lab');
  }
});

// A shared instance profile tags its instances for two clusters; only the operator can say which one it is.
test('the tag of the drainer wins over all others', () => {
  const tags = { ...ownTag('lab'), 'eks:cluster-name': 'prod', 'kubernetes.io/cluster/staging': 'shared' };
  assert.deepEqual(byTags(EKS, tags), { kind: 'resolved', cluster: { kind: 'eks', name: 'lab', region } });
  assert.equal(resolve(PROD, tags).kind, 'other cluster');
  assert.equal(resolve(PROD, { ...ownTag('prod'), 'eks:cluster-name': 'lab' }).kind, 'resolved');
});

// In a wrong cluster the instance has no node, the hook is completed, and its pods are killed.
test('tags that name no cluster, or two, or that EC2 does not tell, leave the cluster unknown, with the reason', () => {
  assert.equal(unknown(EKS, undefined), 'its tags are not known');
  assert.equal(unknown(EKS, { Name: 'prod' }), 'its tags name no cluster');
  assert.equal(
    unknown(EKS, { 'eks:cluster-name': 'lab', 'kubernetes.io/cluster/prod': 'shared' }),
    'its tags name 2 clusters: prod, lab',
  );
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`kubernetes.io/cluster/c${index}`, '']));
  assert.equal(unknown(EKS, many), 'its tags name 50 clusters: c0, c1, c2, c3, c4 and 45 more');
});

// Whoever may tag an instance, which ec2:CreateTags of a node role allows, would choose whose kubeconfig is read.
// Names of EKS clusters: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
test('a tag that is not the name of a cluster is refused', () => {
  const lies = [
    '../../other',
    '..',
    'a..b',
    'a/b',
    '/a',
    ' ',
    'a b',
    '{cluster}',
    '*',
    'a\nb',
    '-a',
    '.a',
    'x'.repeat(101),
    'ä',
  ];
  for (const lie of lies) {
    for (const template of [EKS, S3])
      assert.match(unknown(template, ownTag(lie)) ?? '', /not the name of a cluster$/, lie);
  }
  assert.match(unknown(S3, { 'kubernetes.io/cluster/../../other': 'owned' }) ?? '', /'\.\.\/\.\.\/other'/);
  // Clusters of other tools are named after domains: https://kops.sigs.k8s.io/getting_started/aws/
  assert.equal(unknown(S3, ownTag('prod.k8s.example.com')), undefined);
  assert.match(unknown(EKS, ownTag('prod.k8s.example.com')) ?? '', /not the name of a cluster/);
});

// The reason is written to a terminal and to the log.
test('a reason shows a tag without control characters, and not all of it', () => {
  const reason = unknown(EKS, ownTag(`\u001b[2J${'x'.repeat(1_000)}`)) ?? '';
  assert.ok(!reason.includes('\u001b'));
  assert.ok(reason.length < 200);
});

// Two clusters of one region use the same name for their hook, and an event starts the drainers of both.
test('with one cluster, an instance that names only others is of another cluster, and one without tags is ours', () => {
  const named: ConfiguredCluster = {
    kind: 'kubeconfig-object',
    bucket: 'b',
    object: 'clusters/prod',
    region,
    name: 'prod',
  };
  for (const fixed of [PROD, named]) {
    assert.deepEqual(resolve(fixed, { 'eks:cluster-name': 'lab' }), {
      kind: 'other cluster',
      reason: 'its tags name lab, not prod',
    });
    const both = { 'eks:cluster-name': 'lab', 'kubernetes.io/cluster/prod': 'shared' };
    for (const tags of [undefined, {}, { 'eks:cluster-name': 'prod' }, both]) {
      assert.deepEqual(resolve(fixed, tags), { kind: 'resolved', cluster: fixed });
    }
  }
});

// A cluster whose name nobody has told would be refused to every instance that has one.
test('a kubeconfig without a name of its cluster takes every instance', () => {
  const sources: ConfiguredCluster[] = [
    { kind: 'kubeconfig-object', bucket: 'b', object: 'key', region },
    { kind: 'kubeconfig-file', path: '/tmp/config' },
  ];
  for (const source of sources) {
    assert.deepEqual(resolve(source, { 'eks:cluster-name': 'lab' }), { kind: 'resolved', cluster: source });
  }
});

// A tag without a value, as a console or a template leaves it, would make a cluster of no name of the instance, which nobody drains.
test('an empty tag names no cluster', () => {
  const tags = readTags({ 'node-drainer/cluster': '', 'aws:eks:cluster-name': '', 'eks:cluster-name': 'prod' });
  assert.deepEqual([tags.namedCluster, tags.clusters], [undefined, ['prod']]);
});
