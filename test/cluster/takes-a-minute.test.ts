import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { eventsAbout } from './events.ts';
import { replicaSet } from './manifests.ts';
import { setReady } from './nodes.ts';
import { Scenario } from './scenario.ts';
import { providerIdOf, someInstanceId, Termination } from './termination.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

/** It never ends, and has a second to do so. */
const NEVER = { annotations: { 'lab/shutdown-ms': 'never' }, spec: { terminationGracePeriodSeconds: 1 } };

// Beside each other, each with a stand-in of its own: what they wait for is time.
describe('what shows only after a while', { concurrency: true }, () => {
  // The kubelet is dead and will never say that the pod has ended: its instance would be held until the action's end.
  test('a pod that never ends is given up a minute past its deadline if the kubelet is dead, and only then', async (t) => {
    const scenario = await Scenario.open(t, lab);
    const { namespace } = scenario;
    const [dead, alive] = [await scenario.standIn(), await scenario.standIn()];
    await scenario.pod('lost', { node: dead, ...NEVER });
    await scenario.pod('slow', { node: alive, ...NEVER });
    await setReady(lab.admin, dead, 'Unknown');
    const waiting = scenario.drain({}, { node: alive });
    await waiting.says('that slow is asked', ({ event }) => event === 'eviction accepted');
    const { exitCode, summary, lines } = await scenario.drain({}, { node: dead }).ended(90_000);
    assert.equal(exitCode, 0);
    assert.equal(summary.result, 'drained');
    const accepted = lines.find(({ event }) => event === 'eviction accepted');
    const left = lines.find(({ event, pod }) => event === 'pod skipped' && pod === `${namespace}/lost`);
    assert.match(
      left?.reason ?? '',
      /^the node is not ready, and the pod is past its grace period of 1 s: not waiting for it$/,
    );
    const waited = (left?.time ?? 0) - (accepted?.time ?? 0);
    assert.ok(waited >= 60_500 && waited < 66_000, `${waited} ms`);
    assert.notEqual(await scenario.podNow('lost'), undefined);
    assert.ok(waiting.isRunning, 'a kubelet that lives is trusted to end its pods');
    await scenario.end('slow');
    assert.equal((await waiting.ended()).exitCode, 0);
  });

  // A pod whose template names the node is put on it again, cordon or not: evicted at once each time, it would only ever begin.
  test('a pod that comes back each time is sent away ever more slowly, and then left', async (t) => {
    const scenario = await Scenario.open(t, lab);
    const pod = { nodeName: scenario.worker };
    const set = replicaSet(scenario.namespace, 'boomerang', {
      replicas: 1,
      annotations: { 'lab/shutdown-ms': '200' },
      pod,
    });
    await scenario.startOnWorker(set, 1);
    const drainer = scenario.drain();
    const { summary, lines } = await drainer.ended(120_000);
    assert.equal(summary.result, 'drained');
    assert.equal(drainer.asked(scenario.namespace).length, 7);
    const left = lines.find(({ event, reason }) => event === 'pod skipped' && /keeps returning/.test(reason ?? ''));
    assert.match(left?.pod ?? '', /boomerang/);
  });

  // The owner of the budget looks at the pod, and would have to know where the drainer's logs are.
  test('the events of a pod that was blocked for half a minute name what blocks it', async (t) => {
    const scenario = await Scenario.open(t, lab);
    const node = await scenario.standIn();
    const { metadata } = await scenario.pod('guarded', { node });
    await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    const drainer = scenario.drain({}, { node });
    await drainer.says('what it waits for', ({ event }) => event === 'waiting for pods', { withinMs: 45_000 });
    const [event, ...others] = await eventsAbout(lab, metadata?.uid ?? '', 1);
    assert.deepEqual(others, []);
    assert.deepEqual([event?.type, event?.reason], ['Warning', 'DrainBlocked']);
    assert.equal(event?.message, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
    await scenario.changeBudget('strict', { minAvailable: 0 });
    await drainer.says('that it may go', ({ event: what }) => what === 'eviction accepted');
    await scenario.end('guarded');
    assert.equal((await drainer.ended()).exitCode, 0);
  });

  // The instance is gone a moment later, and its pods with it: now is the last time that somebody could help one of them.
  test('in the last resort a pod is named together with the budget that holds it, and is not lost if it still goes', async (t) => {
    const scenario = await Scenario.open(t, lab);
    const { namespace } = scenario;
    const instanceId = someInstanceId();
    const node = await scenario.standIn({ providerID: providerIdOf(instanceId) });
    await scenario.pod('guarded', { node });
    await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    const termination = await Termination.of(t, { instanceId });
    // Ten seconds after the drain began: its action lives a hundred heartbeat timeouts.
    const drainer = termination.drainByKubeconfig(lab, { LAST_RESORT_SECONDS: '5990' });
    const told = await drainer.says('what may be lost', ({ event }) => event === 'pod at risk', { withinMs: 25_000 });
    assert.equal(told.pod, `${namespace}/guarded`);
    assert.equal(told.reason, 'budget strict allows no disruption (1 of 1 healthy, 1 needed)');
    await scenario.changeBudget('strict', { minAvailable: 0 });
    await drainer.says('that it may go', ({ event }) => event === 'eviction accepted');
    await scenario.end('guarded');
    const { exitCode, summary, lines } = await drainer.ended();
    assert.equal(exitCode, 0);
    assert.deepEqual(summary['lost'], []);
    assert.equal(lines.filter(({ event }) => event === 'pod at risk').length, 1);
  });
});
