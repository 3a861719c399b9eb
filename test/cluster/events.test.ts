import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventsAbout } from './events.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// An engineer who wonders why a node is cordoned looks at the node's Events, not at the log of a task in AWS.
test('the Events of a node show that its drain started, and how it ended', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  const { metadata } = await cluster.admin.core.readNode({ name: node });
  assert.equal((await scenario.drain({}, { node }).ended()).exitCode, 0);
  const events = await eventsAbout(cluster, metadata?.uid ?? '', 2);
  const byReason = new Map(events.map((event) => [event.reason, event]));
  assert.deepEqual([...byReason.keys()].sort(), ['DrainStarted', 'Drained']);
  assert.ok(events.every(({ type, involvedObject }) => type === 'Normal' && involvedObject.name === node));
  assert.match(byReason.get('DrainStarted')?.message ?? '', /^Cordoned by node-drainer/);
  assert.match(byReason.get('Drained')?.message ?? '', /^Drained in \d+ s: \d+ pods evicted, \d+ skipped$/);
  await scenario.noHarm();
});

// Without a last Event, a failed drain looks like one that still runs.
test('the Events of a node show that its drain ended with pods remaining', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  const { metadata } = await cluster.admin.core.readNode({ name: node });
  await scenario.pod('guarded', { node });
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  const policies = { DRAIN_DEADLINE_SECONDS: '1', LAST_RESORT: 'evict' };
  assert.equal((await scenario.drain(policies, { node }).ended()).exitCode, 0);
  const ending = (await eventsAbout(cluster, metadata?.uid ?? '', 2)).find(({ reason }) => reason !== 'DrainStarted');
  assert.equal(ending?.reason, 'NotDrained');
  assert.equal(ending?.type, 'Warning');
  assert.match(ending?.message ?? '', /^Not drained after \d+ s \(deadline\): 1 pods remain$/);
  const why = 'with LAST_RESORT=evict a budget may cost a pod its SIGTERM';
  await scenario.onlyHarm(why, { kind: 'cut off', pod: `${scenario.namespace}/guarded`, hadSigterm: false });
});
