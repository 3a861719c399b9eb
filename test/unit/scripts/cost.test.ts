import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS, metricsOf } from '../../../app/report/metrics.ts';
import {
  ALARM_METRICS,
  billOf,
  CONFIG_ITEMS,
  DASHBOARDS,
  DRAIN_METRICS,
  NETWORKS,
  PROBED,
  probeCallsOf,
  type Region,
  SWEPT,
  TEN_CLUSTERS,
  totalOf,
} from '../../../scripts/cost/bill.ts';
import { regionOf } from '../../../scripts/cost/cost.ts';
import { parseTemplate } from '../../simulator/aws/cloudformation/template.ts';
import { at, isList, isMap, mapAt, type Value } from '../../simulator/aws/json.ts';
import { extract } from '../../support/emf.ts';
import { summaryWith } from '../../support/summaries.ts';

const GOAL = 10;
const MONTH_MINUTES = 730 * 60;

const line = (item: string, region: Partial<Region> = {}) => {
  const found = billOf({ ...TEN_CLUSTERS, ...region }).find((one) => one.item === item);
  assert.ok(found, item);
  return found;
};
const total = (region: Partial<Region>, design = PROBED) => totalOf(billOf({ ...TEN_CLUSTERS, ...region }, design));
const closeTo = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

// The safety net costs more than all drains, and is turned off.
test('one stack for ten clusters costs at most $10 a month without a drain, in any network, whatever AWS Config records', () => {
  for (const network of NETWORKS) {
    for (const configItems of Object.values(CONFIG_ITEMS)) {
      const month = total({ drains: 0, network, configItems });
      assert.ok(month <= GOAL, `${network}, ${configItems} items: ${month}`);
    }
  }
});

// The docs promise a price that nobody gets with drains.
test('ten clusters behind an S3 endpoint cost at most $10 a month all in, if each of 500 instances is drained once', () => {
  assert.equal(TEN_CLUSTERS.network, 's3-endpoint');
  assert.equal(TEN_CLUSTERS.clusters * TEN_CLUSTERS.drains, TEN_CLUSTERS.clusters * TEN_CLUSTERS.instances);
  assert.ok(total({}) <= GOAL);
});

// A change of dimensions or prices makes the sentence of docs/cost.md about a thousand drains wrong.
test('with a thousand drains ten clusters stay below $10 only without metrics for each group', () => {
  assert.ok(total({ drains: 100 }) <= GOAL);
  assert.ok(total({ drains: 100 }, { ...PROBED, drainDimensions: ['Drainer', 'Cluster', 'Cluster and Group'] }) > GOAL);
});

// Somebody returns to a task every few minutes for each cluster, because it is simpler.
test('a stack and a sweep every five minutes for each cluster would cost more than ten times as much', () => {
  for (const network of NETWORKS) {
    const region = { drains: 0, network };
    assert.ok(total(region, SWEPT) > 10 * total(region), network);
  }
});

// A sweep looks free, because only its vCPU seconds are counted.
test('a task is billed for at least a minute, its image through NAT, and the items that AWS Config records for it', () => {
  const sweeps = MONTH_MINUTES / 360;
  closeTo(line('Fargate').fixed, (sweeps * (0.25 * 0.03238 + 0.5 * 0.00356)) / 60);
  closeTo(line('data through NAT', { network: 'nat' }).fixed, sweeps * 0.046 * 0.045);
  closeTo(line('data through NAT').fixed, sweeps * 0.002 * 0.045);
  closeTo(line('public IPv4 addresses', { network: 'public-ip' }).fixed, (sweeps * 0.005) / 60);
  closeTo(line('AWS Config', { configItems: 2 }).fixed, sweeps * 2 * 0.003);
});

// Without this the bill of a fleet that drains daily is a hundred times too high, or too low.
// https://aws.amazon.com/cloudwatch/pricing/: "prorated by the hour and metered only when you send metrics".
test('a metric is billed for the hours in which it is written, at most for all hours of the month', () => {
  const metricHour = 0.3 / 730;
  const written = DRAIN_METRICS.length * metricHour;
  closeTo(line('metrics by Cluster', { drains: 1 }).drains, 10 * written);
  closeTo(line('metrics by Cluster', { drains: 100_000 }).drains, 10 * 730 * written);
  closeTo(line('metrics by Drainer', { drains: 0 }).fixed, (MONTH_MINUTES / 360) * 6 * metricHour);
});

// A workflow that looks harmless is billed twice a minute, and its duration grows with the number of instances.
// https://aws.amazon.com/step-functions/pricing/: $1.00 per million requests, $0.06 per GB-hour, 64 MB at least.
test('the probe is billed for two requests a minute, and for the time that it takes to read all instances', () => {
  const requests = (2 * MONTH_MINUTES) / 1e6;
  const duration = (seconds: number) => (2 * MONTH_MINUTES * seconds * 0.0625 * 0.06) / 3_600;
  closeTo(line('Step Functions').fixed, requests + duration(2)); // 10 pages and 3 calls, 1.95 s
  closeTo(line('Step Functions', { instances: 1_000 }).fixed, requests + duration(30.5)); // 200 pages and 3 calls
  assert.equal(probeCallsOf(TEN_CLUSTERS), 13 * MONTH_MINUTES);
});

// An alarm is added, and docs/cost.md shows the price of fewer. An alarm of metric math is billed for each metric that it reads.
test('the templates have no more alarms and dashboards than the bill', () => {
  const folder = new URL('../../../infra/cloudformation/', import.meta.url);
  const resources = readdirSync(folder).flatMap((name) =>
    Object.values(mapAt(parseTemplate(readFileSync(new URL(name, folder), 'utf8')), 'Resources')),
  );
  const ofType = (type: string) => resources.filter((resource) => at(resource, 'Type') === `AWS::CloudWatch::${type}`);
  const metrics = ofType('Alarm').reduce<number>(
    (sum, alarm) => sum + metricsRead(at(alarm, 'Properties', 'Metrics')),
    0,
  );
  assert.ok(metrics > 0);
  assert.ok(metrics <= ALARM_METRICS, `the alarms read ${metrics} metrics`);
  assert.ok(ofType('Dashboard').length <= DASHBOARDS);
  assert.equal(ofType('CompositeAlarm').length, 0, 'a composite alarm costs $0.50');
});

// A metric or a dimension is added, and multiplies the bill of every drain.
test('a drain writes the metrics of the bill, in no more sets of dimensions', () => {
  const fields = metricsOf(
    { type: 'summary', summary: summaryWith() },
    'drains',
    { cluster: 'prod' },
    Date.parse('2026-01-02T03:04:05Z'),
  );
  const { metrics, dimensions } = extract(fields);
  assert.deepEqual(Object.keys(metrics).sort(), [...DRAIN_METRICS].sort());
  assert.ok(DRAIN_METRICS.every((name) => name in METRICS));
  assert.ok(dimensions.length <= PROBED.drainDimensions.length);
});

// A typing error prints the bill of another region.
test('an option that is no number, or no network, is refused', () => {
  assert.deepEqual(regionOf([]), TEN_CLUSTERS);
  assert.equal(regionOf(['--clusters', '3']).clusters, 3);
  assert.equal(regionOf(['--network', 'nat']).network, 'nat');
  for (const options of [
    ['--clusters', '0'],
    ['--clusters', 'ten'],
    ['--drains', '1.5'],
    ['--network', 'vpn'],
    ['--architecture', 'arm'],
    ['--cluster', '1'],
  ]) {
    assert.throws(() => regionOf(options), Error, options.join(' '));
  }
});

function metricsRead(metrics: Value | undefined): number {
  if (!isList(metrics)) return 1;
  return metrics.filter((one) => isMap(one) && 'MetricStat' in one).length;
}
