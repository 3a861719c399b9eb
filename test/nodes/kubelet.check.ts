import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from '../cluster/scenario.ts';
import { openTestCluster } from '../cluster/test-cluster.ts';
import { ContainerLog } from './container-log.ts';
import { cannotStopKubelets, StoppedKubelet } from './kubelet.ts';
import { serverContainer } from './server.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

const graceSeconds = 8;
const TOLERANCE_MS = 1_500;

/** A drain whose only pod, which ignores SIGTERM, is evicted just after the kubelet has stopped. */
async function stoppedBeforeEviction(scenario: Scenario) {
  const containers = [serverContainer('server', { onTerm: 'ignore' })];
  await scenario.pod('web', { spec: { containers, terminationGracePeriodSeconds: graceSeconds } });
  await scenario.budget('strict', 'web', { minAvailable: 1 }, 1);
  const log = await ContainerLog.follow(scenario, 'web', 'server');
  const drainer = scenario.drain();
  await drainer.reports('that the budget blocks', ({ waitReason }) => waitReason === 'budget');
  const kubelet = await StoppedKubelet.of(scenario);
  await scenario.changeBudget('strict', { minAvailable: 0 });
  const accepted = await drainer.reports('the eviction', ({ event }) => event === 'eviction accepted');
  return { log, drainer, kubelet, acceptedAt: accepted.time };
}

// A kubelet that swaps or restarts for a minute looks dead. Whoever gives its pods up then cuts them off: they have not even had SIGTERM.
// https://kubernetes.io/docs/reference/node/node-status/#condition
test('a kubelet that stands still for a moment costs a pod nothing: it gets its whole grace period, late, and the drain waits', {
  skip: cannotStopKubelets,
}, async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { log, drainer, kubelet, acceptedAt } = await stoppedBeforeEviction(scenario);
  await using _ = kubelet;
  await kubelet.noticed();
  assert.ok(Date.now() - acceptedAt > graceSeconds * 1_000, 'its grace is over by the clock of the API');
  assert.ok(drainer.isRunning);
  assert.equal(log.saidAt('SIGTERM'), undefined);
  await kubelet.resume();
  const killedAt = await log.ended();
  const askedAt = log.saidAt('SIGTERM') ?? 0;
  const hadMs = killedAt - askedAt;
  assert.ok(Math.abs(hadMs - graceSeconds * 1_000) < TOLERANCE_MS, `${hadMs} ms of ${graceSeconds} s`);
  const { exitCode, lines } = await drainer.ended(150_000);
  assert.equal(exitCode, 0);
  const ofPod = lines.filter(({ pod }) => pod === `${scenario.namespace}/web`);
  assert.ok(!ofPod.some(({ event }) => event === 'pod skipped'), 'it is never given up');
  const gone = ofPod.find(({ event }) => event === 'pod gone');
  assert.ok((gone?.time ?? 0) >= killedAt - 500, 'gone only after its end');
  await scenario.noHarm();
});

// No kubelet will ever report the end of this pod: its dead instance is billed, and the group waits, for two days.
// https://github.com/kubernetes/kubernetes/issues/72226
test('a kubelet that never goes on ends the drain a minute after its node is Unknown, and the drain says which pods it gave up', {
  skip: cannotStopKubelets,
}, async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { log, drainer, kubelet } = await stoppedBeforeEviction(scenario);
  await using _ = kubelet;
  await kubelet.noticed();
  const unknownSince = Date.now();
  const { exitCode, summary, lines } = await drainer.ended(120_000);
  assert.equal(exitCode, 0);
  assert.equal(summary.result, 'drained');
  const skipped = lines.find(({ event }) => event === 'pod skipped');
  assert.equal(skipped?.pod, `${scenario.namespace}/web`);
  assert.match(skipped?.reason ?? '', /^the kubelet is dead, and the pod is past its grace period of 8 s/);
  const waitedMs = (skipped?.time ?? 0) - unknownSince;
  assert.ok(waitedMs > 58_000 && waitedMs < 70_000, `${waitedMs} ms`);
  assert.equal(log.saidAt('SIGTERM'), undefined, 'nobody could ask it to end');
  // Its grace period is long over: whatever still runs would run for ever.
  await scenario.noHarm();
});
