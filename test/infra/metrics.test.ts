import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { METRICS, NAMESPACE } from '../../app/report/metrics.ts';
import { resourceOf, type Stack } from '../simulator/aws/cloudformation/stack.ts';
import { at, isList, isMap, listAt, textAt, type Value } from '../simulator/aws/json.ts';
import { importing } from './templates.ts';

const names: readonly string[] = Object.keys(METRICS);
const alarmsOf = (stack: Stack) =>
  [...stack.resources].filter(([, { type }]) => type === 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.properties);

/** The parsed body of the dashboard. */
function bodyOf(stack: Stack): Value {
  return JSON.parse(textAt(resourceOf(stack, 'Overview').properties, 'DashboardBody'));
}

/** `["NodeDrainer", "DrainSeconds", "Drainer", "node-drainer", {…}]`, as the widgets have them. */
function seriesOf(body: Value): { namespace: string; metric: string; dimensions: readonly Value[]; stat: string }[] {
  return listAt(body, 'widgets').flatMap((widget) =>
    listAt(widget, 'properties', 'metrics').map((series) => {
      assert.ok(isList(series));
      const [namespace, metric, ...rest] = series;
      const stat = at(rest.at(-1), 'stat') ?? at(widget, 'properties', 'stat');
      const dimensions = rest.filter((one) => !isMap(one));
      return { namespace: String(namespace), metric: String(metric), dimensions, stat: String(stat) };
    }),
  );
}

describe('metrics, alarms and dashboard', () => {
  const stack = importing('alarms');

  // An alarm on a misspelt metric or dimension never goes off.
  test("alarms watch metrics that the worker writes, with the stack's dimension", () => {
    const ours = alarmsOf(stack).filter((alarm) => at(alarm, 'Namespace') === NAMESPACE);
    assert.equal(ours.length, 10);
    for (const alarm of ours) {
      assert.ok(names.includes(textAt(alarm, 'MetricName')), textAt(alarm, 'MetricName'));
      assert.deepEqual(listAt(alarm, 'Dimensions'), [{ Name: 'Drainer', Value: 'node-drainer' }]);
    }
  });

  // The stack fails at its last resource, or the graphs are empty.
  test("the dashboard is valid JSON and shows metrics that the worker writes, with the stack's dimension", () => {
    assert.ok(!importing('alarms', { Dashboard: 'off' }).resources.has('Overview'));
    const body = bodyOf(stack);
    const widgets = listAt(body, 'widgets');
    for (const widget of widgets) assert.equal(textAt(widget, 'properties', 'region'), 'eu-west-1');
    const series = seriesOf(body);
    for (const { namespace, metric, dimensions, stat } of series) {
      assert.match(stat, /^(Sum|Maximum|p50|p90)$/, metric);
      if (namespace.startsWith('AWS/')) continue;
      assert.equal(namespace, NAMESPACE);
      assert.ok(names.includes(metric), metric);
      assert.deepEqual(dimensions, ['Drainer', 'node-drainer']);
    }
    const others = series.filter(({ namespace }) => namespace.startsWith('AWS/')).map(({ dimensions }) => dimensions);
    const starter = 'arn:aws:states:eu-west-1:111122223333:stateMachine:node-drainer-Starter';
    assert.deepEqual(others, [
      ['StateMachineArn', starter],
      ['StateMachineArn', starter],
      ['RuleName', 'node-drainer-DeadTaskRule'],
      ['QueueName', 'node-drainer-DeadLetterQueue'],
    ]);
    const [log, ...more] = widgets.filter((widget) => textAt(widget, 'type') === 'log');
    assert.equal(more.length, 0);
    assert.match(textAt(log, 'properties', 'query'), /^SOURCE 'node-drainer-LogGroup' \| filter event = 'summary' /);
  });

  // A metric is written and billed, but shown nowhere.
  test('every metric is on the dashboard', () => {
    const shown = new Set(seriesOf(bodyOf(stack)).map(({ metric }) => metric));
    assert.deepEqual(
      names.filter((name) => !shown.has(name)),
      [],
    );
  });

  // CloudWatch moves overlapping widgets, and the layout is lost.
  test('widgets do not overlap', () => {
    const taken = new Set<string>();
    for (const widget of listAt(bodyOf(importing('alarms')), 'widgets')) {
      const [x = 0, y = 0, width = 0, height = 0] = ['x', 'y', 'width', 'height'].map((one) => Number(at(widget, one)));
      assert.ok(x + width <= 24);
      for (let column = x; column < x + width; column++) {
        for (let row = y; row < y + height; row++) {
          assert.ok(!taken.has(`${column} ${row}`), `${column} ${row}`);
          taken.add(`${column} ${row}`);
        }
      }
    }
  });

  // A stack without terminations is in ALARM every night.
  test('missing data raises only the alarms of the probe and of sweeps', () => {
    const breaching = alarmsOf(stack).filter((alarm) => textAt(alarm, 'TreatMissingData') === 'breaching');
    assert.deepEqual(breaching.map((alarm) => textAt(alarm, 'MetricName')).sort(), [
      'ExecutionsSucceeded',
      'InstancesWaiting',
    ]);
  });
});
