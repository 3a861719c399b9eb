import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preview } from '../../../app/drain/preview.ts';
import { Denied } from '../../../app/lib/errors.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { pod, podsOf } from '../../support/objects.ts';
import { testContext } from '../../support/test-context.ts';

function previewing() {
  const { clock, recorder, context } = testContext();
  const cluster = new FakeCluster(clock);
  const timeline = { drainStartedAt: clock.now(), doNotDisruptUntil: 0 };
  return {
    cluster,
    recorder,
    async look(spreadMs = 300_000) {
      // The disruption controller counts the pods.
      await clock.advance(1_000);
      await preview(cluster, timeline, { drainDaemonSets: false, spreadMs }, context);
      return Object.fromEntries(
        recorder
          .of('dry run decision')
          .map(({ pod, action, cause }) => [pod, cause === undefined ? action : `${action} ${cause}`]),
      );
    },
  };
}

// A dry run that finds nothing is believed, and the node is replaced on a Friday.
test('a dry run says what would hold each pod, and what ends it, once for each cause', async () => {
  const { cluster, recorder, look } = previewing();
  for (const one of podsOf('strict', 2)) cluster.add(one);
  cluster.budgets.add('strict', 2);
  cluster.add(pod('crash', { labels: { app: 'crash' }, ready: false, failing: 'CrashLoopBackOff' }));
  cluster.budgets.add('crash', 1);
  // Both budgets have room, and the API refuses all the same.
  cluster.add(pod('twice', { labels: { app: 'twice' } }));
  cluster.budgets.add('twice', 0);
  cluster.budgets.add('more', 0, { selector: [{ key: 'app', operator: 'In', values: ['twice'] }] });
  // The API asks no budget about a pod that has not started.
  cluster.add(pod('starting', { labels: { app: 'twice' }, phase: 'Pending', ready: false }));
  const controller = cluster.workloads.add('web', 3);
  for (const one of podsOf('web', 3, { controller })) cluster.add(one);
  cluster.add(pod('free'));
  assert.deepEqual(await look(), {
    'shop/strict-0': 'wait structural',
    'shop/strict-1': 'wait structural',
    'shop/crash': 'wait unhealthy',
    'shop/twice': 'wait several budgets',
    'shop/starting': 'evict',
    'shop/web-0': 'evict',
    'shop/web-1': 'wait spread',
    'shop/web-2': 'wait spread',
    'shop/free': 'evict',
  });
  const held = recorder.of('pods held');
  assert.deepEqual(held.map(({ hold }) => hold.cause).sort(), ['several budgets', 'spread', 'structural', 'unhealthy']);
  assert.ok(held.every(({ dryRun, hold }) => dryRun === true && hold.remedy !== undefined));
  assert.deepEqual(cluster.evictions, []);
});

// The dry run of a drainer with the rights of the last version fails, where the drain itself only warns.
test('a workload that may not be read holds nothing back in a dry run, and is a warning', async () => {
  const { cluster, recorder, look } = previewing();
  cluster.fault = (call) => (call === 'read workload' ? new Denied('replicasets is forbidden') : undefined);
  const controller = cluster.workloads.add('web', 2);
  for (const one of podsOf('web', 2, { controller })) cluster.add(one);
  assert.deepEqual(await look(), { 'shop/web-0': 'evict', 'shop/web-1': 'evict' });
  assert.equal(recorder.of('warning').length, 1);
});
