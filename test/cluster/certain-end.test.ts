import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const DEADLINE_SECONDS = 18;
const MARGIN_SECONDS = 2;
/** Seconds; each of these pods uses all of its grace period. */
const GRACES = { quick: 3, middle: 7, slow: 12 } as const;
const USES_ITS_GRACE = { 'lab/shutdown-ms': '3600000' };

// One instant for all pods costs the slow ones their grace period, or ends the quick ones long before they have to.
test('before a deadline, pods that a budget never allows are deleted each in time for its own grace period', async (t) => {
  const scenario = await Scenario.open(t, cluster, { lastResortSeconds: MARGIN_SECONDS });
  const { namespace, worker } = scenario;
  for (const [name, terminationGracePeriodSeconds] of Object.entries(GRACES)) {
    const spec = { terminationGracePeriodSeconds };
    await scenario.pod(name, { labels: { app: 'guarded' }, annotations: USES_ITS_GRACE, spec });
  }
  await scenario.budget('never', 'guarded', { minAvailable: 3 }, 3);
  const drainer = scenario.drain({
    DRAIN_DEADLINE_SECONDS: String(DEADLINE_SECONDS),
    LAST_RESORT_SECONDS: String(MARGIN_SECONDS),
  });
  const { time: startedAt } = await drainer.reports('the node', ({ event }) => event === 'node found');
  scenario.witness.endsBy(worker, startedAt + DEADLINE_SECONDS * 1_000);
  for (const [name, grace] of Object.entries(GRACES).sort(([, a], [, b]) => b - a)) {
    const deleted = await drainer.reports(
      `that ${name} is deleted`,
      ({ event, action, pod }) =>
        event === 'eviction requested' && action === 'delete' && pod === `${namespace}/${name}`,
    );
    const dueAt = startedAt + (DEADLINE_SECONDS - grace - MARGIN_SECONDS) * 1_000;
    const late = deleted.time - dueAt;
    assert.ok(late >= -50 && late < 1_500, `${name} was deleted ${late} ms after its instant`);
    const { metadata } = await scenario.terminating(name);
    assert.equal(metadata?.deletionGracePeriodSeconds, grace);
  }
  const { exitCode, summary } = await drainer.ended();
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  await scenario.noHarm();
});

// An owner who has ruled out deletions against a budget finds a pod deleted.
test('with LAST_RESORT=evict a pod that a budget never allows is asked for until the deadline, and never deleted', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  await scenario.pod('guarded', { spec: { terminationGracePeriodSeconds: 2 } });
  await scenario.budget('never', 'guarded', { minAvailable: 1 }, 1);
  const policies = { DRAIN_DEADLINE_SECONDS: '6', LAST_RESORT_SECONDS: '1', LAST_RESORT: 'evict' };
  const drainer = scenario.drain(policies);
  const { exitCode, summary, lines } = await drainer.ended(20_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'deadline');
  assert.ok(lines.some(({ event, pod }) => event === 'pod at risk' && pod === `${namespace}/guarded`));
  assert.ok(lines.every(({ action }) => action !== 'delete'));
  assert.equal((await scenario.findPod('guarded'))?.metadata?.deletionTimestamp, undefined);
  const why = 'LAST_RESORT=evict puts the budget above the pod';
  await scenario.onlyHarm(why, { kind: 'cut off', pod: `${namespace}/guarded`, hadSigterm: false });
});

// A critical pod that waits for its turn, and a pod that asks not to be disrupted, are killed without a SIGTERM at the deadline.
test('rank and courtesy do not cost a pod its SIGTERM before a deadline', async (t) => {
  const scenario = await Scenario.open(t, cluster, { lastResortSeconds: 1 });
  const { worker } = scenario;
  const spec = { terminationGracePeriodSeconds: 2 };
  await scenario.pod('held', { held: true, spec });
  await scenario.pod('dns', { spec: { ...spec, priorityClassName: 'system-cluster-critical' } });
  await scenario.pod('busy', { spec, annotations: { 'karpenter.sh/do-not-disrupt': 'true' } });
  scenario.witness.endsBy(worker, Date.now() + 8_000);
  const policies = { DRAIN_DEADLINE_SECONDS: '8', LAST_RESORT_SECONDS: '1', DO_NOT_DISRUPT_SECONDS: '3600' };
  const drainer = scenario.drain(policies);
  await eventually('only the held pod remains', async () => (await scenario.pods()).length === 1 || undefined, 15_000);
  assert.equal((await drainer.ended(15_000)).summary.result, 'deadline');
  await scenario.noHarm();
});
