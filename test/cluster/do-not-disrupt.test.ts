import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const ANNOTATIONS = {
  ours: { 'node-drainer/wait': 'true' },
  karpenters: { 'karpenter.sh/do-not-disrupt': 'true' },
  autoscalers: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
} as const;

// A job that is evicted in the last minute of five hours starts again from the beginning.
test('with DO_NOT_DISRUPT_SECONDS, pods with any of the annotations may finish, and the others are evicted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const node = await scenario.fakeNode();
  for (const [name, annotations] of Object.entries(ANNOTATIONS)) await scenario.pod(name, { node, annotations });
  await scenario.pod('plain', { node });
  await scenario.pod('willing', { node, annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' } });
  const drainer = scenario.drain({ DO_NOT_DISRUPT_SECONDS: '3600' }, { node });
  for (const [name, annotations] of Object.entries(ANNOTATIONS)) {
    const [annotation = ''] = Object.keys(annotations);
    const pod = `${scenario.namespace}/${name}`;
    const waiting = await drainer.reports(
      `that ${name} is not disrupted`,
      (line) => line.pod === pod && line.waitReason === 'do-not-disrupt',
    );
    assert.match(waiting.reason ?? '', new RegExp(`^not disrupted until \\d{4}-.*, because of ${annotation}$`));
  }
  for (const name of ['plain', 'willing']) {
    const pod = `${scenario.namespace}/${name}`;
    await drainer.reports(`that ${name} is evicted`, (line) => line.event === 'eviction accepted' && line.pod === pod);
    await scenario.end(name);
  }
  for (const name of Object.keys(ANNOTATIONS)) {
    assert.ok(drainer.isRunning, `the drain waits for ${name}`);
    await scenario.setPhase(name, 'Succeeded');
  }
  assert.equal((await drainer.ended(10_000)).exitCode, 0);
  assert.deepEqual(await scenario.evictions(drainer), ['plain', 'willing']);
  await scenario.noHarm();
});

// An annotated pod that never finishes keeps the instance for two days.
test('after DO_NOT_DISRUPT_SECONDS, annotated pods are evicted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('busy', { annotations: ANNOTATIONS.karpenters });
  const { exitCode, lines } = await scenario.drain({ DO_NOT_DISRUPT_SECONDS: '2' }).ended(20_000);
  assert.equal(exitCode, 0);
  const timeOf = (what: string) => lines.find(({ event }) => event === what)?.time ?? 0;
  assert.ok(timeOf('eviction requested') - timeOf('node found') >= 2_000, 'not evicted earlier');
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

// A drain that honours other tools' annotations without a setting takes longer than its owner expects.
test('by default the annotations have no effect', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  for (const [name, annotations] of Object.entries(ANNOTATIONS)) await scenario.pod(name, { annotations });
  const { exitCode, lines } = await scenario.drain().ended(20_000);
  assert.equal(exitCode, 0);
  assert.ok(lines.every(({ waitReason }) => waitReason !== 'do-not-disrupt'));
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

// A pod that asks for six seconds keeps the node for the whole limit, or one with a typo is evicted and nobody knows why.
test('a duration counts from the start of the pod, and a bad value is told once', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  const started = Date.now();
  await scenario.pod('short', { annotations: { 'karpenter.sh/do-not-disrupt': '8s' } });
  await scenario.pod('mistyped', { annotations: { 'karpenter.sh/do-not-disrupt': 'half an hour' } });
  const drainer = scenario.drain({ DO_NOT_DISRUPT_SECONDS: '3600' });
  const requestOf = (name: string) =>
    drainer.reports(
      `that ${name} is evicted`,
      ({ event, pod }) => event === 'eviction requested' && pod === `${namespace}/${name}`,
    );
  const mistyped = await requestOf('mistyped');
  const short = await requestOf('short');
  assert.ok(mistyped.time - started < 7_000, 'a value that nobody understands asks for nothing');
  const age = short.time - started;
  assert.ok(age >= 7_000 && age < 11_000, `evicted at the age of ${age} ms`);
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const told = lines.filter(({ event, message }) => event === 'warning' && /half an hour/.test(message));
  assert.equal(told.length, 1);
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();
});

// Karpenter's and Cluster API's owners have marked these pods already: an agent that must see the end of its node is evicted.
test('pods that ask to stay are neither evicted nor waited for', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.pod('capi', { labels: { 'cluster.x-k8s.io/drain': 'skip' } });
  await scenario.pod('ours', { annotations: { 'node-drainer/skip': 'true' } });
  const tolerations = [{ key: 'karpenter.sh/disrupted', operator: 'Exists' }];
  await scenario.pod('tolerant', { spec: { tolerations } });
  await scenario.pod('plain');
  const drainer = scenario.drain();
  const { exitCode, summary, lines } = await drainer.ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  assert.deepEqual(await scenario.evictions(drainer), ['plain']);
  const remaining = (await scenario.pods()).map(({ metadata }) => metadata?.name).sort();
  assert.deepEqual(remaining, ['capi', 'ours', 'tolerant']);
  const reasons = lines.filter(({ event }) => event === 'pod skipped').map(({ reason }) => reason);
  assert.ok(reasons.includes('asks to stay on the node by label cluster.x-k8s.io/drain=skip'), reasons.join());
  await scenario.noHarm();
});
