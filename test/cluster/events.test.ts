import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventsAbout } from './events.ts';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

// Whoever wonders why a node is cordoned asks Kubernetes, and not the logs of some task in AWS.
test('the events of a node tell that its drain began, and how it ended', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  const { metadata } = await lab.admin.core.readNode({ name: node });
  assert.equal((await scenario.drain({}, { node }).ended()).exitCode, 0);
  const events = await eventsAbout(lab, metadata?.uid ?? '', 2);
  const byReason = new Map(events.map((event) => [event.reason, event]));
  assert.deepEqual([...byReason.keys()].sort(), ['DrainStarted', 'Drained']);
  assert.ok(events.every(({ type, involvedObject }) => type === 'Normal' && involvedObject.name === node));
  assert.match(byReason.get('DrainStarted')?.message ?? '', /^Cordoned by node-drainer/);
  assert.match(byReason.get('Drained')?.message ?? '', /^Drained in \d+ s: \d+ pods evicted, \d+ skipped$/);
});

// A story that ends with its first sentence reads like a drain that still goes on.
test('the events of a node tell of a drain that did not come to its end', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  const { metadata } = await lab.admin.core.readNode({ name: node });
  await scenario.pod('guarded', { node });
  await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
  assert.equal((await scenario.drain({ DRAIN_DEADLINE_SECONDS: '1' }, { node }).ended()).exitCode, 0);
  const ending = (await eventsAbout(lab, metadata?.uid ?? '', 2)).find(({ reason }) => reason !== 'DrainStarted');
  assert.equal(ending?.reason, 'NotDrained');
  assert.equal(ending?.type, 'Warning');
  assert.match(ending?.message ?? '', /^Not drained after \d+ s \(deadline\): 1 pods remain$/);
});
