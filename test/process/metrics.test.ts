import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { extract } from '../support/emf.ts';
import { GROUP, HOOK } from './account.ts';
import { INSTANCE, NODE, world } from './process-fixture.ts';
import { summaryOf } from './program.ts';

describe('what the lines of the program count', { concurrency: 4 }, () => {
  test('the last line of a drain is in the embedded metric format', async (context) => {
    // Otherwise: CloudWatch drops the metrics of every drain without a word, and the alarms wait for data for ever.
    const w = await world(context);
    await w.addPod('web');
    w.aws.terminateInstance(INSTANCE);
    const before = Date.now();
    const ended = await w.drain().ended();
    assert.equal(ended.code, 0, ended.stderr);
    const { namespace, at, metrics, dimensions } = extract(summaryOf(ended));
    assert.equal(namespace, 'NodeDrainer');
    assert.ok(at >= before && at <= Date.now(), `${at}`);
    const { DrainSeconds = -1, BlockedSeconds, ...counts } = metrics;
    assert.deepEqual(counts, { PodsEvicted: 1, DrainsSucceeded: 1, DrainsFailed: 0 });
    assert.ok(DrainSeconds > 0 && DrainSeconds < 60, `${DrainSeconds}`);
    assert.equal(BlockedSeconds, 0);
    assert.deepEqual(dimensions, [
      { Cluster: 's3://configs/kube/config', Group: GROUP },
      { Cluster: 's3://configs/kube/config' },
    ]);
    assert.deepEqual(
      ended.lines.filter(({ _aws }) => _aws !== undefined),
      [summaryOf(ended)],
    );
  });

  test('a drain that fails before it knows anything counts as failed, under the group of its event', async (context) => {
    // Otherwise: a drainer without the right to ask AWS fails a hundred times a day, and no alarm goes off.
    const w = await world(context);
    w.aws.faults.add({ when: ({ path }) => path.startsWith('autoscaling:'), fault: { kind: 'status', status: 403 } });
    const ended = await w.drain({ AUTO_SCALING_GROUP_NAME: GROUP, LIFECYCLE_HOOK_NAME: HOOK }).ended();
    assert.equal(ended.code, 1, ended.stderr);
    const { metrics, dimensions } = extract(summaryOf(ended));
    assert.deepEqual(metrics, { PodsEvicted: 0, DrainsSucceeded: 0, DrainsFailed: 1 });
    assert.equal(dimensions[0]?.['Group'], GROUP);
  });

  test('a heartbeat that is denied is counted at once, while the drain goes on', async (context) => {
    // Otherwise: the alarm on it goes off with the last line of the drain, when the instance is gone.
    const w = await world(context);
    await w.addPod('web');
    await w.blockAll();
    w.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:RecordLifecycleActionHeartbeat',
      fault: ACCESS_DENIED,
    });
    w.aws.terminateInstance(INSTANCE);
    const drainer = w.drain();
    context.after(() => drainer.kill('SIGKILL'));
    const { metrics, dimensions } = extract(await drainer.line('heartbeat failed'));
    assert.deepEqual(metrics, { HeartbeatsFailed: 1 });
    assert.deepEqual(dimensions, [
      { Cluster: 's3://configs/kube/config', Group: GROUP },
      { Cluster: 's3://configs/kube/config' },
    ]);
    await w.unblock();
    const summary = summaryOf(await drainer.ended());
    assert.ok(!('HeartbeatsFailed' in summary));
    assert.ok(Number(summary['heartbeatsFailed']) > 0, 'the plain field is there for people');
  });

  test('a node that is deleted under its pods counts as a drain that failed', async (context) => {
    // Otherwise: whoever deletes nodes by hand loses pods with each of them, and no alarm goes off.
    const w = await world(context);
    await w.addPod('web');
    await w.blockAll();
    w.aws.terminateInstance(INSTANCE);
    const drainer = w.drain();
    context.after(() => drainer.kill('SIGKILL'));
    await drainer.line('pod waiting');
    await w.core.deleteNode({ name: NODE });
    const summary = summaryOf(await drainer.ended());
    assert.deepEqual([summary['result'], summary['hook'], summary['exitCode']], ['no node', 'CONTINUE', 0]);
    assert.deepEqual(summary['lost'], ['default/web']);
    const { DrainsSucceeded, DrainsFailed } = extract(summary).metrics;
    assert.deepEqual([DrainsSucceeded, DrainsFailed], [0, 1]);
  });

  test('a dry run, and a node that is drained by hand, count nothing', async (context) => {
    // Otherwise: somebody tries the program on a terminal, and the night shift is called.
    const w = await world(context);
    w.aws.terminateInstance(INSTANCE);
    for (const ended of [
      await w.drain({}, '--dry-run').ended(),
      await w.drain({ INSTANCE_ID: '' }, '--node', NODE).ended(),
    ]) {
      assert.equal(ended.code, 0, ended.stderr);
      assert.ok(ended.lines.length > 3);
      assert.deepEqual(
        ended.lines.filter(({ _aws }) => _aws !== undefined),
        [],
      );
    }
  });

  test('pods that are left in the last resort are named one by one', async (context) => {
    // Otherwise: whoever looks for their pod in the log of the drain that took it finds a number.
    const w = await world(context);
    for (const name of ['db', 'web']) await w.addPod(name);
    await w.blockAll();
    w.aws.terminateInstance(INSTANCE);
    const drainer = w.drain({ LAST_RESORT_SECONDS: '172800' });
    await drainer.line('pod waiting');
    drainer.kill('SIGTERM');
    const ended = await drainer.ended();
    const atRisk = ended.lines.filter(({ event }) => event === 'pod at risk');
    assert.deepEqual(new Set(atRisk.map(({ pod }) => pod)), new Set(['default/db', 'default/web']));
    assert.equal(atRisk.length, 2);
    assert.deepEqual(summaryOf(ended)['lost'], [], 'the instance still waits');
    assert.deepEqual(Object.keys(extract(summaryOf(ended)).metrics), ['PodsEvicted']);
  });
});
