import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dimensionValue, METRICS, NAMESPACE } from '../../app/report/metrics.ts';
import { TemplateValidationError } from '../simulator/aws/cloudformation/parameters.ts';
import { resourceOf, type Stack } from '../simulator/aws/cloudformation/stack.ts';
import { at, isList, isMap, listAt, textAt, type Value } from '../simulator/aws/json.ts';
import { drainer, EKS, KUBECONFIG, VARIANTS } from './templates.ts';

const names: readonly string[] = Object.keys(METRICS);
const alarmsOf = (stack: Stack) =>
  [...stack.resources].filter(([, { type }]) => type === 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.properties);

/** The parsed body of the dashboard. */
function bodyOf(stack: Stack): Value {
  return JSON.parse(textAt(resourceOf(stack, 'OverviewDashboard').properties, 'DashboardBody'));
}

/** `["NodeDrainer", "DrainSeconds", "Cluster", "prod", {…}]`, as the widgets have them. */
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
  for (const [what, parameters] of VARIANTS) {
    const stack = drainer(parameters);
    const { KubeConfigBucket: bucket, KubeConfigObject: object, ClusterName: name } = parameters;
    const watched = bucket === undefined ? name : `s3://${bucket}/${object}`;

    // An alarm on a misspelt metric or dimension never goes off.
    test(`alarms watch metrics that the worker writes, with this cluster's dimension: ${what}`, () => {
      const ours = alarmsOf(stack).filter((alarm) => textAt(alarm, 'Namespace') !== 'AWS/SQS');
      assert.equal(ours.length, parameters['SweepMinutes'] === '0' ? 3 : 4);
      for (const alarm of ours) {
        assert.equal(textAt(alarm, 'Namespace'), NAMESPACE);
        assert.ok(names.includes(textAt(alarm, 'MetricName')), textAt(alarm, 'MetricName'));
        assert.deepEqual(listAt(alarm, 'Dimensions'), [{ Name: 'Cluster', Value: watched }]);
      }
    });

    // The stack fails at its last resource, or the graphs are empty.
    test(`the dashboard is valid JSON and shows metrics that the worker writes, with this cluster's dimension: ${what}`, () => {
      if (parameters['Dashboard'] === 'off') {
        assert.ok(!stack.resources.has('OverviewDashboard'));
        return;
      }
      const body = bodyOf(stack);
      const widgets = listAt(body, 'widgets');
      for (const widget of widgets) assert.equal(textAt(widget, 'properties', 'region'), 'eu-west-1');
      const series = seriesOf(body);
      for (const { namespace, metric, dimensions, stat } of series) {
        assert.match(stat, /^(Sum|Maximum|p50|p90)$/, metric);
        if (namespace === 'AWS/SQS') continue;
        assert.equal(namespace, NAMESPACE);
        assert.ok(names.includes(metric), metric);
        assert.deepEqual(dimensions, ['Cluster', watched]);
      }
      const queues = series.filter(({ namespace }) => namespace === 'AWS/SQS').map(({ dimensions }) => dimensions[1]);
      const sweeps = parameters['SweepMinutes'] === '0' ? [] : ['node-drainer-SweepDeadLetterQueue'];
      assert.deepEqual(queues, ['node-drainer-DeadLetterQueue', ...sweeps]);
      const [log, ...others] = widgets.filter((widget) => textAt(widget, 'type') === 'log');
      assert.equal(others.length, 0);
      assert.match(textAt(log, 'properties', 'query'), /^SOURCE 'node-drainer-LogGroup' \| filter event = 'summary' /);
    });
  }

  // A metric is written and billed, but shown nowhere.
  test('every metric is on the dashboard', () => {
    const shown = new Set(seriesOf(bodyOf(drainer())).map(({ metric }) => metric));
    assert.deepEqual(
      names.filter((name) => !shown.has(name)),
      [],
    );
  });

  // The graphs show another cluster, or the stack fails with "The dashboard body is invalid".
  test("a kubeconfig's object key with any allowed character stays unchanged in the dashboard's JSON", () => {
    const seen = String.fromCharCode(...Array.from({ length: 95 }, (_, at) => at + 32));
    const KubeConfigObject = seen.replace(/[*?$"\\]/g, '');
    const [text] = seriesOf(bodyOf(drainer({ ...KUBECONFIG, KubeConfigObject }))).map(
      ({ dimensions }) => dimensions[1],
    );
    assert.equal(text, `s3://configs/${KubeConfigObject}`);
    // Dimension values are ASCII. The app escapes other characters, so an alarm on the plain value would never get data.
    assert.equal(dimensionValue(String(text)), text);
    for (const bad of ['a"b', 'a\\b', 'ä', 'a\tb'])
      assert.throws(() => drainer({ ...KUBECONFIG, KubeConfigObject: bad }), TemplateValidationError, bad);
  });

  // CloudWatch moves overlapping widgets, and the layout is lost.
  test('widgets do not overlap', () => {
    const taken = new Set<string>();
    for (const widget of listAt(bodyOf(drainer(EKS)), 'widgets')) {
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
  test('missing data raises only the alarm of the sweeps', () => {
    const missing = alarmsOf(drainer()).map((alarm) => [
      textAt(alarm, 'MetricName'),
      textAt(alarm, 'TreatMissingData'),
    ]);
    assert.deepEqual(missing.sort(), [
      ['ActionsNearEnd', 'notBreaching'],
      ['DrainsFailed', 'notBreaching'],
      ['HeartbeatsFailed', 'notBreaching'],
      ['InstancesWaiting', 'breaching'],
      ['NumberOfMessagesSent', 'notBreaching'],
    ]);
  });

  // One slow start raises an alarm, or sweeps are missing for a day before an alarm goes off.
  test('three missing sweeps raise the alarm, at any interval', () => {
    for (const minutes of [1, 5, 60]) {
      const { properties } = resourceOf(drainer({ ...EKS, SweepMinutes: String(minutes) }), 'SweepAlarm');
      const [period, periods] = ['Period', 'EvaluationPeriods'].map((one) => Number(textAt(properties, one)));
      assert.equal((period ?? 0) * (periods ?? 0), 3 * minutes * 60);
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
      assert.ok((period ?? 0) % 60 === 0 && (period ?? 0) * (periods ?? 0) <= 86_400);
      assert.deepEqual(
        ['Statistic', 'ComparisonOperator', 'Threshold'].map((one) => textAt(properties, one)),
        ['SampleCount', 'LessThanThreshold', '1'],
      );
    }
  });
});
