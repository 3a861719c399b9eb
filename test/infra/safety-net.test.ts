import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actionOf, INSTANCE } from '../process/process-fixture.ts';
import { summaryOf } from '../process/program.ts';
import { resourceOf } from '../simulator/aws/cloudformation/stack.ts';
import { listAt, textAt } from '../simulator/aws/json.ts';
import { ACCESS_DENIED } from '../support/access-denied.ts';
import { deniedCalls, deployed, soleEnd } from './deployed.ts';
import { drainer, KUBECONFIG } from './templates.ts';

describe('when an event, a task or a drain is lost, by the real template', { concurrency: 4 }, () => {
  // Auto Scaling, which sends its events as well as it can, decides whether pods leave gracefully.
  test('an instance whose event is lost is found by the sweep, and drained', async (context) => {
    const fixture = await deployed(context);
    await fixture.addPod('web');
    const loss = fixture.aws.eventFaults({ lose: () => true });
    fixture.aws.terminateInstance(INSTANCE);
    loss.end();
    fixture.aws.runSchedule('SweepSchedule');
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

  // The alarm on silence goes off every quiet night, or never.
  test('a sweep that looked counts what waits, also where that is nothing; one that could not look is silent', async (context) => {
    const fixture = await deployed(context);
    const metric = textAt(resourceOf(drainer(KUBECONFIG), 'SweepAlarm').properties, 'MetricName');
    fixture.aws.runSchedule('SweepSchedule');
    const looked = await soleEnd(fixture);
    assert.deepEqual([looked.code, looked.lines.at(-1)?.[metric]], [0, 0], looked.stderr);
    fixture.aws.faults.add({
      when: ({ path }) => path === 'autoscaling:DescribeAutoScalingGroups',
      fault: ACCESS_DENIED,
    });
    fixture.aws.runSchedule('SweepSchedule');
    const blind = await fixture.fargate.tasks[1]?.ended();
    assert.equal(blind?.code, 1);
    assert.deepEqual(
      blind.lines.filter((line) => metric in line),
      [],
    );
    assert.deepEqual(fixture.aws.notifications, []);
  });

  // The first to notice is whoever misses the pods.
  test('a drain that is killed is told to the topic of the alarms', async (context) => {
    const fixture = await deployed(context);
    await fixture.addPod('web', { finalizers: ['test/hold'] });
    fixture.aws.terminateInstance(INSTANCE);
    const [task] = fixture.fargate.tasks;
    await task?.line('eviction accepted');
    task?.kill('SIGKILL');
    await soleEnd(fixture);
    const [notification, ...others] = fixture.aws.notifications;
    assert.equal(others.length, 0);
    assert.match(notification?.message ?? '', /drain task failed.*ended with EssentialContainerExited/);
    assert.equal(actionOf(fixture).state, 'pending');
  });

  // Nobody hears of it, for the rule leaves it to the alarm; or everybody hears of it twice.
  test('a drain that fails counts itself for the alarm, and is not told a second time', async (context) => {
    const fixture = await deployed(context, { rbac: false });
    fixture.aws.terminateInstance(INSTANCE);
    const end = await soleEnd(fixture);
    assert.equal(end.code, 1);
    assert.deepEqual(fixture.aws.notifications, []);
    assert.equal(actionOf(fixture).state, 'pending');
    const { properties } = resourceOf(drainer(KUBECONFIG), 'FailedDrainAlarm');
    assert.equal(summaryOf(end)[textAt(properties, 'MetricName')], 1);
    for (const dimension of listAt(properties, 'Dimensions')) {
      assert.equal(summaryOf(end)[textAt(dimension, 'Name')], textAt(dimension, 'Value'));
    }
  });
});
