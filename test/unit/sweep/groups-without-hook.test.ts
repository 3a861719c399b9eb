import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SweepConfig } from '../../../app/config/sweep-config.ts';
import { countsWith, EVERY_CLUSTER, sweepFixture, waitingInstance } from '../../support/sweep-fixture.ts';

const CHECK: Partial<SweepConfig> = { checkGroups: true };
const region = 'eu-central-1';

/** The groups that a sweep names; undefined: it did not count them. */
async function namedGroups(
  groups: Record<string, Record<string, string>>,
  config: Partial<SweepConfig>,
  deleting: readonly string[] = [],
): Promise<readonly string[] | undefined> {
  const { facts, recorder, run } = sweepFixture();
  facts.groupTags = new Map(Object.entries(groups));
  facts.deleting = new Set(deleting);
  const { counts } = await run({ ...CHECK, ...config });
  const names = recorder.of('groups without hook').flatMap(({ groupNames }) => groupNames);
  assert.equal(counts?.groupsWithoutHook ?? 0, names.length);
  return counts?.groupsWithoutHook === undefined ? undefined : names;
}

// A new node group has no hook: its instances are terminated without an event, and nothing fails that anybody could see.
// EKS tags the groups of its node groups: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
test('the groups of the cluster without the hook are counted and named', async () => {
  const groups = {
    workers: { 'eks:cluster-name': 'prod' },
    new: { 'eks:cluster-name': 'prod' },
    own: { 'node-drainer/cluster': 'prod', 'eks:cluster-name': 'lab' },
    staging: { 'eks:cluster-name': 'staging' },
    web: {},
  };
  assert.deepEqual(await namedGroups(groups, {}), ['new', 'own']);
  assert.deepEqual(await namedGroups(groups, EVERY_CLUSTER), ['new', 'own', 'staging']);
});

// A group that has to be without a hook would keep the alarm on, and one that is being deleted sets it off.
test('a group that is held, or that is being deleted, is not counted', async () => {
  const groups = {
    held: { 'eks:cluster-name': 'prod', 'node-drainer/hold': 'no hook here' },
    old: { 'eks:cluster-name': 'prod' },
  };
  assert.deepEqual(await namedGroups(groups, {}, ['old']), []);
});

// Self-managed groups without tags are never found; and without a prefix every group of the region would be.
test('groups without tags count when a prefix selects them', async () => {
  const groups = { new: {}, staging: { 'eks:cluster-name': 'staging' } };
  const selected = await namedGroups(groups, { groupPrefix: 'n' });
  assert.ok(selected?.includes('new') && !selected.includes('staging'));
  const unnamed: Partial<SweepConfig> = {
    cluster: { kind: 'kubeconfig-object', bucket: 'configs', object: 'kubeconfig', region },
  };
  assert.equal(await namedGroups(groups, unnamed), undefined);
  assert.ok((await namedGroups(groups, { ...unnamed, groupPrefix: 'n' }))?.includes('new'));
});

// DescribeLifecycleHooks for a thousand groups throttles every other caller of the account.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-quotas.html
test('at most five groups are checked in a second', async () => {
  const { facts, hookChecks, run } = sweepFixture();
  facts.groupTags = new Map(Array.from({ length: 40 }, (_, index) => [`g-${index}`, { 'eks:cluster-name': 'prod' }]));
  await run(CHECK);
  assert.equal(hookChecks.length, 40);
  for (const { at } of hookChecks) {
    assert.ok(hookChecks.filter((other) => other.at >= at && other.at < at + 1_000).length <= 5);
  }
});

// While a thousand groups are checked, an instance waits for its drain.
test('waiting instances come first, and their groups are not looked up again', async () => {
  const { facts, hookChecks, run, started } = sweepFixture();
  facts.instances = [waitingInstance('i-1')];
  facts.groupTags = new Map([
    ['workers', { 'eks:cluster-name': 'prod' }],
    ['new', { 'eks:cluster-name': 'prod' }],
  ]);
  const { counts } = await run(CHECK);
  assert.deepEqual(counts, countsWith({ waiting: 1, started: 1, groupsWithoutHook: 1 }));
  assert.deepEqual(
    hookChecks.map(({ group }) => group),
    ['workers', 'new'],
  );
  assert.ok((started[0]?.at ?? Number.POSITIVE_INFINITY) <= (hookChecks[1]?.at ?? 0));
});

// A group that is deleted between two calls fails the sweep, and its alarm tells of a drainer that does not work.
test('a group whose hooks cannot be described is not counted, and told in one warning', async () => {
  const { facts, recorder, run } = sweepFixture();
  facts.groupTags = new Map([
    ['deleted', { 'eks:cluster-name': 'prod' }],
    ['new', { 'eks:cluster-name': 'prod' }],
  ]);
  const { code, counts } = await run(CHECK);
  assert.deepEqual([code, counts?.groupsWithoutHook], [0, 1]);
  assert.match(recorder.of('warning')[0]?.message ?? '', /1 of the groups.*such as deleted/);
});

// A sweep that was started because an instance waits spends minutes on other things.
test('a sweep that is in a hurry does not look', async () => {
  const { facts, hookChecks, run } = sweepFixture();
  facts.groupTags = new Map([['new', { 'eks:cluster-name': 'prod' }]]);
  assert.equal((await run()).counts?.groupsWithoutHook, undefined);
  assert.equal(hookChecks.length, 0);
});
