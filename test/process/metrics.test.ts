import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { extract } from '../support/emf.ts';
import { noHarm, onlyHarm } from '../witness/harm.ts';
import { GROUP, HOOK } from './account.ts';
import { INSTANCE, NODE, processFixture } from './process-fixture.ts';
import { summaryOf } from './program.ts';

/** What EC2 says of an instance that was ended by hand. */
const INSTANCE_TERMINATED = {
  kind: 'status',
  status: 200,
  headers: { 'content-type': 'text/xml' },
  body: `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet><item>
    <instanceId>${INSTANCE}</instanceId><instanceState><code>48</code><name>terminated</name></instanceState>
    </item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
} as const;

describe('metrics in the log lines', { concurrency: 4 }, () => {
  // CloudWatch silently drops the metrics of every drain, and the alarms never get data.
  test('the last line of a drain is in the embedded metric format', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    fixture.aws.terminateInstance(INSTANCE);
    const before = Date.now();
    const ended = await fixture.drain().ended();
    assert.equal(ended.code, 0, ended.stderr);
    const { namespace, at, metrics, dimensions } = extract(summaryOf(ended));
    assert.equal(namespace, 'NodeDrainer');
    assert.ok(at >= before && at <= Date.now(), `${at}`);
    const { DrainSeconds = -1, BlockedSeconds, ...counts } = metrics;
    assert.deepEqual(counts, { PodsEvicted: 1, DrainsSucceeded: 1, DrainsFailed: 0 });
    assert.ok(DrainSeconds > 0 && DrainSeconds < 60, `${DrainSeconds}`);
    assert.equal(BlockedSeconds, 0);
    assert.deepEqual(dimensions, [{ Cluster: 's3://configs/kube/config' }]);
    assert.deepEqual(
      ended.lines.filter(({ _aws }) => _aws !== undefined),
      [summaryOf(ended)],
    );
    await noHarm(fixture.witness);
  });

  // A drainer without IAM permissions fails a hundred times a day, and no alarm goes off.
  test('a drain whose first AWS call fails counts as failed, under the group from its event', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.faults.add({
      when: ({ path }) => path.startsWith('autoscaling:'),
      fault: { kind: 'status', status: 403 },
    });
    const ended = await fixture.drain({ AUTO_SCALING_GROUP_NAME: GROUP, LIFECYCLE_HOOK_NAME: HOOK }).ended();
    assert.equal(ended.code, 1, ended.stderr);
    const { metrics, dimensions } = extract(summaryOf(ended));
    assert.deepEqual(metrics, { PodsEvicted: 0, DrainsSucceeded: 0, DrainsFailed: 1 });
    assert.equal(dimensions.length, 1);
    assert.equal(summaryOf(ended)['group'], GROUP);
    await noHarm(fixture.witness);
  });

  // The heartbeat alarm goes off only with the last line of the drain, when the instance is gone.
  test('a denied heartbeat is counted at once, while the drain continues', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    await fixture.blockAll();
    fixture.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:RecordLifecycleActionHeartbeat',
      fault: ACCESS_DENIED,
    });
    fixture.aws.terminateInstance(INSTANCE);
    const drainer = fixture.drain();
    context.after(() => drainer.kill('SIGKILL'));
    const { metrics, dimensions } = extract(await drainer.line('heartbeat failed'));
    assert.deepEqual(metrics, { HeartbeatsFailed: 1 });
    assert.deepEqual(dimensions, [{ Cluster: 's3://configs/kube/config' }]);
    await fixture.unblock();
    const summary = summaryOf(await drainer.ended());
    assert.ok(!('HeartbeatsFailed' in summary));
    assert.ok(Number(summary['heartbeatsFailed']) > 0, 'the summary has the plain field');
    await noHarm(fixture.witness);
  });

  // Deleting a node by hand loses its pods, and no alarm goes off.
  test('a node that is deleted while pods run on it counts as a failed drain', async (context) => {
    const fixture = await processFixture(context);
    await fixture.addPod('web');
    await fixture.blockAll();
    fixture.aws.terminateInstance(INSTANCE);
    const drainer = fixture.drain();
    context.after(() => drainer.kill('SIGKILL'));
    await drainer.line('pod waiting');
    // The machine, too, was ended by hand: otherwise its kubelet would register the node again.
    fixture.aws.faults.add({ when: ({ path }) => path === 'ec2:DescribeInstances', fault: INSTANCE_TERMINATED });
    await fixture.core.deleteNode({ name: NODE });
    const summary = summaryOf(await drainer.ended());
    assert.deepEqual([summary['result'], summary['hook'], summary['exitCode']], ['no node', 'CONTINUE', 0]);
    assert.deepEqual(summary['lost'], ['default/web']);
    const { DrainsSucceeded, DrainsFailed } = extract(summary).metrics;
    assert.deepEqual([DrainsSucceeded, DrainsFailed], [0, 1]);
    const why = 'the machine was ended by hand';
    await onlyHarm(fixture.witness, why, { kind: 'cut off', pod: 'default/web' });
  });

  // Trying the program on a terminal pages the person on call.
  test('a dry run and a drain by node name write no metrics', async (context) => {
    const fixture = await processFixture(context);
    fixture.aws.terminateInstance(INSTANCE);
    for (const ended of [
      await fixture.drain({}, '--dry-run').ended(),
      await fixture.drain({ INSTANCE_ID: '' }, '--node', NODE).ended(),
    ]) {
      assert.equal(ended.code, 0, ended.stderr);
      assert.ok(ended.lines.length > 3);
      assert.deepEqual(
        ended.lines.filter(({ _aws }) => _aws !== undefined),
        [],
      );
    }
    await noHarm(fixture.witness);
  });

  // The owner of a lost pod searches the log for its name and finds only a number.
  test('each pod that remains in the last resort is named in a line of its own', async (context) => {
    const fixture = await processFixture(context);
    for (const name of ['db', 'web']) await fixture.addPod(name);
    await fixture.blockAll();
    fixture.aws.terminateInstance(INSTANCE);
    const drainer = fixture.drain({ LAST_RESORT_SECONDS: '172800', LAST_RESORT: 'evict' });
    await drainer.line('pod waiting');
    drainer.kill('SIGTERM');
    const ended = await drainer.ended();
    const atRisk = ended.lines.filter(({ event }) => event === 'pod at risk');
    assert.deepEqual(new Set(atRisk.map(({ pod }) => pod)), new Set(['default/db', 'default/web']));
    assert.equal(atRisk.length, 2);
    assert.deepEqual(summaryOf(ended)['lost'], [], 'the hook is still pending');
    assert.deepEqual(Object.keys(extract(summaryOf(ended)).metrics), ['PodsEvicted']);
    await noHarm(fixture.witness);
  });
});
