import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actionOf, INSTANCE } from '../process/process-fixture.ts';
import { summaryOf } from '../process/program.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { listAt, textAt } from '../simulator/aws/cloudformation/value.ts';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { deniedCalls, deployed, soleEnd } from './deployed.ts';
import { drainer, KUBECONFIG } from './templates.ts';

describe('when an event, a task or a drain is lost, by the real template', { concurrency: 4 }, () => {
  test('an instance whose event is lost is found by the sweep, and drained', async (context) => {
    // Otherwise: Auto Scaling, which sends its events as well as it can, decides whether pods leave gracefully.
    const w = await deployed(context);
    await w.addPod('web');
    const loss = w.aws.eventFaults({ lose: () => true });
    w.aws.terminateInstance(INSTANCE);
    loss.end();
    w.aws.runSchedule('SweepSchedule');
    const [sweep] = w.fargate.tasks;
    assert.equal((await sweep?.ended())?.code, 0);
    const [, drain, ...others] = w.fargate.tasks;
    assert.ok(drain !== undefined && others.length === 0, 'one drain');
    const end = await drain.ended();
    assert.deepEqual([end.code, summaryOf(end)['result']], [0, 'drained'], end.stderr);
    assert.equal(actionOf(w).result, 'CONTINUE');
    assert.deepEqual(
      w.aws.tasks.map(({ family, group, launchType }) => [family, group, launchType]),
      [
        ['node-drainer', 'sweep', 'FARGATE'],
        ['node-drainer', undefined, 'FARGATE'],
      ],
    );
    assert.deepEqual(w.aws.notifications, []);
    assert.deepEqual(deniedCalls(w, 8), []);
  });

  test('a sweep that looked counts what waits, also where that is nothing; one that could not look is silent', async (context) => {
    // Otherwise: the alarm on silence goes off every quiet night, or never.
    const w = await deployed(context);
    const metric = textAt(resourceOf(drainer(KUBECONFIG), 'SweepAlarm').properties, 'MetricName');
    w.aws.runSchedule('SweepSchedule');
    const looked = await soleEnd(w);
    assert.deepEqual([looked.code, looked.lines.at(-1)?.[metric]], [0, 0], looked.stderr);
    w.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:DescribeAutoScalingGroups',
      fault: ACCESS_DENIED,
    });
    w.aws.runSchedule('SweepSchedule');
    const blind = await w.fargate.tasks[1]?.ended();
    assert.equal(blind?.code, 1);
    assert.deepEqual(
      blind.lines.filter((line) => metric in line),
      [],
    );
    assert.deepEqual(w.aws.notifications, []);
  });

  test('a drain that is killed is told to the topic of the alarms', async (context) => {
    // Otherwise: the first to notice is whoever misses the pods.
    const w = await deployed(context);
    await w.addPod('web', { finalizers: ['test/hold'] });
    w.aws.terminateInstance(INSTANCE);
    const [task] = w.fargate.tasks;
    await task?.line('eviction accepted');
    task?.kill('SIGKILL');
    await soleEnd(w);
    const [notification, ...others] = w.aws.notifications;
    assert.equal(others.length, 0);
    assert.match(notification?.message ?? '', /drain of a node died.*ended with EssentialContainerExited/);
    assert.equal(actionOf(w).state, 'pending');
  });

  test('a drain that fails counts itself for the alarm, and is not told a second time', async (context) => {
    // Otherwise: nobody hears of it, for the rule leaves it to the alarm; or everybody hears of it twice.
    const w = await deployed(context, { rbac: false });
    w.aws.terminateInstance(INSTANCE);
    const end = await soleEnd(w);
    assert.equal(end.code, 1);
    assert.deepEqual(w.aws.notifications, []);
    assert.equal(actionOf(w).state, 'pending');
    const { properties } = resourceOf(drainer(KUBECONFIG), 'FailedDrainAlarm');
    assert.equal(summaryOf(end)[textAt(properties, 'MetricName')], 1);
    for (const dimension of listAt(properties, 'Dimensions')) {
      assert.equal(summaryOf(end)[textAt(dimension, 'Name')], textAt(dimension, 'Value'));
    }
  });
});
