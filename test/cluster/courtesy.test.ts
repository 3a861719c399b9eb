import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

const ASKS = {
  ours: { 'node-drainer/wait': 'true' },
  karpenters: { 'karpenter.sh/do-not-disrupt': 'true' },
  autoscalers: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
} as const;

// A job of five hours that is cut off in its last minute starts again from nothing.
test('DO_NOT_DISRUPT_SECONDS lets pods finish that ask for it, by each annotation, and evicts the others', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const node = await scenario.standIn();
  for (const [name, annotations] of Object.entries(ASKS)) await scenario.pod(name, { node, annotations });
  await scenario.pod('plain', { node });
  await scenario.pod('willing', { node, annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' } });
  const drainer = scenario.drain({ DO_NOT_DISRUPT_SECONDS: '3600' }, { node });
  for (const [name, annotations] of Object.entries(ASKS)) {
    const [annotation = ''] = Object.keys(annotations);
    const pod = `${scenario.namespace}/${name}`;
    const waits = await drainer.says(
      `that ${name} has time`,
      (line) => line.pod === pod && line.waitReason === 'do-not-disrupt',
    );
    assert.match(waits.reason ?? '', new RegExp(`^not disrupted until \\d{4}-.*, because of ${annotation}$`));
  }
  for (const name of ['plain', 'willing']) {
    const pod = `${scenario.namespace}/${name}`;
    await drainer.says(`that ${name} is asked`, (line) => line.event === 'eviction accepted' && line.pod === pod);
    await scenario.end(name);
  }
  for (const name of Object.keys(ASKS)) {
    assert.ok(drainer.isRunning, `${name} is waited for`);
    await scenario.setPhase(name, 'Succeeded');
  }
  assert.equal((await drainer.ended(10_000)).exitCode, 0);
  assert.deepEqual(await scenario.evictions(drainer), ['plain', 'willing']);
});

// A pod that asks for time and never finishes would hold the machine for two days.
test('when DO_NOT_DISRUPT_SECONDS are over, the pods are evicted like the others', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('busy', { annotations: ASKS.karpenters });
  const { exitCode, lines } = await scenario.drain({ DO_NOT_DISRUPT_SECONDS: '2' }).ended(20_000);
  assert.equal(exitCode, 0);
  const timeOf = (what: string) => lines.find(({ event }) => event === what)?.time ?? 0;
  assert.ok(timeOf('eviction requested') - timeOf('cordoned') >= 2_000, 'not before');
  assert.deepEqual(await scenario.pods(), []);
});

// The annotations are there for other programs: a drain heeds them only where somebody chose that.
test('by default the annotations change nothing', async (t) => {
  const scenario = await Scenario.open(t, lab);
  for (const [name, annotations] of Object.entries(ASKS)) await scenario.pod(name, { annotations });
  const { exitCode, lines } = await scenario.drain().ended(20_000);
  assert.equal(exitCode, 0);
  assert.ok(lines.every(({ waitReason }) => waitReason !== 'do-not-disrupt'));
  assert.deepEqual(await scenario.pods(), []);
});
