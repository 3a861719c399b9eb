import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actionOf, INSTANCE } from '../process/process-fixture.ts';
import { summaryOf } from '../process/program.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { textAt } from '../simulator/aws/json.ts';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { deniedCalls, deployed, onlyTaskEnded, runSchedule } from './deployed.ts';
import { importing } from './templates.ts';

describe('when an event, a task or a drain fails, with the real template', { concurrency: 4 }, () => {
  // Auto Scaling sends events on a best-effort basis: without its event, an instance is terminated with its pods.
  test('a sweep starts the drain of an instance whose event is lost', async (context) => {
    const fixture = await deployed(context);
    await fixture.addPod('web');
    const loss = fixture.aws.eventFaults({ lose: () => true });
    fixture.aws.terminateInstance(INSTANCE);
    loss.end();
    assert.equal(await runSchedule(fixture.aws, 'ProbeSchedule'), 'SUCCEEDED');
    const [sweep] = fixture.fargate.tasks;
    assert.equal((await sweep?.ended())?.code, 0);
    const [, drain, ...others] = fixture.fargate.tasks;
    assert.ok(drain !== undefined && others.length === 0, 'one drain');
    const end = await drain.ended();
    assert.deepEqual([end.code, summaryOf(end)['result']], [0, 'drained'], end.stderr);
    assert.equal(actionOf(fixture).result, 'CONTINUE');
    assert.deepEqual(
      fixture.aws.tasks.map(({ family, group, launchType }) => [family, group, launchType]),
      [
        ['node-drainer', 'sweep', 'FARGATE'],
        ['node-drainer', undefined, 'FARGATE'],
      ],
    );
    assert.deepEqual(fixture.aws.notifications, []);
    assert.deepEqual(deniedCalls(fixture, 8), []);
  });

  // The alarm on missing sweeps goes off every quiet night.
  test('a sweep writes its metric even if no instance waits', async (context) => {
    const fixture = await deployed(context);
    const metric = textAt(resourceOf(importing('alarms'), 'SweepAlarm').properties, 'MetricName');
    await runSchedule(fixture.aws, 'SweepSchedule');
    const succeeded = await onlyTaskEnded(fixture);
    assert.deepEqual([succeeded.code, succeeded.lines.at(-1)?.[metric]], [0, 0], succeeded.stderr);
  });

  // The alarm on missing sweeps never goes off.
  test('a failed sweep does not write its metric', async (context) => {
    const fixture = await deployed(context);
    const metric = textAt(resourceOf(importing('alarms'), 'SweepAlarm').properties, 'MetricName');
    fixture.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:DescribeAutoScalingGroups',
      fault: ACCESS_DENIED,
    });
    await runSchedule(fixture.aws, 'SweepSchedule');
    const denied = await onlyTaskEnded(fixture);
    assert.equal(denied.code, 1);
    assert.deepEqual(
      denied.lines.filter((line) => metric in line),
      [],
    );
    assert.deepEqual(fixture.aws.notifications, []);
  });

  // The owners of the pods are the first to notice.
  test('a killed drain starts the probe', async (context) => {
    const fixture = await deployed(context);
    await fixture.addPod('web', { finalizers: ['test/hold'] });
    fixture.aws.terminateInstance(INSTANCE);
    const [task] = fixture.fargate.tasks;
    await task?.line('eviction accepted');
    task?.kill('SIGKILL');
    await onlyTaskEnded(fixture);
    const [execution] = fixture.aws.executions;
    assert.equal((await execution?.ended)?.status, 'SUCCEEDED');
    assert.equal(fixture.aws.tasks.length, 1, 'its task started less than five minutes ago');
    assert.equal(actionOf(fixture).state, 'pending');
  });

  // A failed drain raises no alarm, because the rule for tasks ignores it; or it sends two notifications.
  test('a failed drain writes the metric of its alarm, and starts no probe', async (context) => {
    const fixture = await deployed(context, { rbac: false });
    fixture.aws.terminateInstance(INSTANCE);
    const end = await onlyTaskEnded(fixture);
    assert.equal(end.code, 1);
    assert.deepEqual(fixture.aws.executions, []);
    assert.equal(actionOf(fixture).state, 'pending');
    const { properties } = resourceOf(importing('alarms'), 'FailedDrainAlarm');
    assert.equal(summaryOf(end)[textAt(properties, 'MetricName')], 1);
  });
});
