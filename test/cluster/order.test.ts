import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Scenario } from './scenario.ts';
import { instanceIdOf, Termination } from './termination.ts';
import { openLab } from './test-cluster.ts';

const lab = await openLab();
after(() => lab.close());

const CRITICAL = { spec: { priorityClassName: 'system-cluster-critical' } };

// Pods that shut down still look up names and send packets: without DNS and CNI they lose their last requests.
test('critical pods leave only after all others are gone', async (t) => {
  const scenario = await Scenario.open(t, lab);
  const { namespace } = scenario;
  await scenario.pod('dns', CRITICAL);
  await scenario.pod('web');
  await scenario.pod('held', { held: true });
  const drainer = scenario.drain();
  const waits = await drainer.says(
    'that dns waits',
    ({ pod, waitReason }) => pod === `${namespace}/dns` && waitReason === 'priority',
  );
  assert.match(waits.reason ?? '', /^waits for \d+ pods? of lower priority$/);
  await drainer.says('that web is gone', ({ event, pod }) => event === 'pod gone' && pod === `${namespace}/web`);
  await scenario.terminating('held');
  assert.equal((await scenario.podNow('dns'))?.metadata?.deletionTimestamp, undefined);
  await scenario.release('held');
  const { exitCode, lines } = await drainer.ended();
  assert.equal(exitCode, 0);
  const indexOf = (name: string, what: string) =>
    lines.findIndex(({ event, pod }) => event === what && pod === `${namespace}/${name}`);
  assert.ok(indexOf('dns', 'eviction requested') > indexOf('held', 'pod gone'));
  assert.deepEqual(await scenario.pods(), []);
});

// Order and courtesy are for those who have time: the machine is switched off at the action's end, whoever is left.
test('LAST_RESORT_SECONDS before the end of the lifecycle action, all that is left is asked at once', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.pod('held', { held: true });
  await scenario.pod('dns', CRITICAL);
  await scenario.pod('busy', { annotations: { 'node-drainer/wait': 'true' } });
  const { spec } = await lab.admin.core.readNode({ name: scenario.worker });
  const instance = { instanceId: instanceIdOf(spec?.providerID), privateDnsName: scenario.worker };
  const termination = await Termination.of(t, instance);
  // A heartbeat timeout of 60 s makes a life of 6,000 s.
  const policies = { LAST_RESORT_SECONDS: '5996', DO_NOT_DISRUPT_SECONDS: '600' };
  const drainer = termination.drainByKubeconfig(lab, policies);
  const resort = await drainer.says('that time is short', ({ event }) => event === 'last resort');
  for (const name of ['dns', 'busy']) {
    const pod = `${scenario.namespace}/${name}`;
    const asked = await drainer.says(
      `that ${name} is asked`,
      (line) => line.event === 'eviction requested' && line.pod === pod,
    );
    assert.ok(asked.time >= resort.time, 'in turn until then');
  }
  assert.ok(drainer.isRunning, 'what is asked is waited for');
  await scenario.release('held');
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.deepEqual(await scenario.pods(), []);
});
