/** What one region costs in a month: `node scripts/cost/cost.ts` prints the tables of docs/cost.md, `--help` the options. */
import { parseArgs } from 'node:util';
import {
  billOf,
  CONFIG_ITEMS,
  type Design,
  type Line,
  longDrain,
  MONTH_HOURS,
  NETWORKS,
  type Network,
  PROBED,
  probeCallsOf,
  type Region,
  SWEPT,
  TEN_CLUSTERS,
  totalOf,
} from './bill.ts';
import { PRICES } from './prices.ts';
import { table } from './table.ts';

/** ecr.api, ecr.dkr, ecs, logs, autoscaling, ec2 and eks in three zones. */
export const ENDPOINTS = { count: 7, zones: 3 };

const TWICE = 2 * TEN_CLUSTERS.drains;
const WHERE: Readonly<Record<Network, string>> = {
  's3-endpoint': 'NAT, and a gateway endpoint for S3',
  nat: 'NAT without that endpoint',
  'public-ip': 'public subnets',
};

/** Every line of the bill. */
export function billTable(region: Region = TEN_CLUSTERS): string {
  const lines = billOf(region);
  const total = (part: (line: Line) => number) => lines.reduce((sum, line) => sum + part(line), 0);
  const drains = region.clusters * region.drains;
  return table(
    ['dollars per month', 'without a drain', `for ${number(drains)} drains`, 'together'],
    [
      ...lines
        .filter((line) => totalOf([line]) > 0)
        .map((line) => [line.item, dollars(line.fixed), dollars(line.drains), dollars(totalOf([line]))]),
      ['all', dollars(total(({ fixed }) => fixed)), dollars(total((line) => line.drains)), dollars(totalOf(lines))],
    ],
  );
}

/** The design against the one before, in every network, with and without AWS Config. */
export function comparisonTable(): string {
  const recordings = [
    [undefined, CONFIG_ITEMS.none],
    ['… AWS Config records network interfaces', CONFIG_ITEMS.interfaces],
    ['… and changes of their VPC, subnet and security group', CONFIG_ITEMS.withRelated],
  ] as const;
  return table(
    ['ten clusters, dollars per month', 'no drain', ...[TEN_CLUSTERS.drains, TWICE].map(drainsOf), 'before, no drain'],
    NETWORKS.flatMap((network) =>
      recordings.map(([what, configItems]) => {
        const month = (drains: number, design?: Design) =>
          dollars(totalOf(billOf({ ...TEN_CLUSTERS, network, configItems, drains }, design)));
        return [what ?? WHERE[network], month(0), month(TEN_CLUSTERS.drains), month(TWICE), month(0, SWEPT)];
      }),
    ),
  );
}

/** Regions of other sizes. */
export function sizesTable(): string {
  return table(
    ['dollars per month', 'no drain', 'each instance drained once', 'of that for each cluster'],
    [1, 3, 10, 30, 100].map((clusters) => {
      const [idle = 0, drained = 0] = [0, TEN_CLUSTERS.drains].map((drains) =>
        totalOf(billOf({ ...TEN_CLUSTERS, clusters, drains })),
      );
      return [
        `${number(clusters)} clusters`.replace(/^1 clusters/, '1 cluster'),
        ...[idle, drained, drained / clusters].map(dollars),
      ];
    }),
  );
}

/** What a reader can turn off. */
export function savingsTable(): string {
  const month = (drains: number, design: Design = PROBED) => totalOf(billOf({ ...TEN_CLUSTERS, drains }, design));
  const freeAlarms = { ...PROBED, alarmMetrics: PROBED.alarmMetrics - FREE_ALARMS };
  const row = (what: string, figure: (drains: number) => number) => [
    what,
    ...[0, TEN_CLUSTERS.drains, TWICE].map((drains) => dollars(figure(drains))),
  ];
  return table(
    ['ten clusters, dollars per month', 'no drain', ...[TEN_CLUSTERS.drains, TWICE].map(drainsOf)],
    [
      row('as above', (drains) => month(drains)),
      row(
        '… if the dashboard is off, or one of the first three of the account',
        (drains) => month(drains) - PRICES.dashboardMonth,
      ),
      row('… if the account has no other alarms (ten are free)', (drains) => month(drains, freeAlarms)),
    ],
  );
}

const FREE_ALARMS = 10;

/** What only some accounts pay. */
export function extrasTable(region: Region = TEN_CLUSTERS): string {
  const calls = probeCallsOf(region);
  return table(
    ['only if', 'dollars per month'],
    [
      ['a second trail of CloudTrail records management events, reads included', dollars(calls * PRICES.trailEvent)],
      ['GuardDuty is on: it reads management events', dollars(calls * PRICES.guardDutyEvent)],
      ['logs, topic and queues are encrypted with a KMS key of your own, for each key', dollars(PRICES.keyMonth)],
      [
        `a VPC without NAT needs ${ENDPOINTS.count} interface endpoints in ${ENDPOINTS.zones} zones for nothing else`,
        dollars(endpointsMonth()),
      ],
      ['a drain waits for 48 hours, for each such drain', dollars(longDrain(region.architecture))],
    ],
  );
}

/** The table at the top of docs/cost.md. */
export function overviewTable(): string {
  const month = (configItems: number, drains: number, network: Network = 's3-endpoint', design?: Design) =>
    dollars(totalOf(billOf({ ...TEN_CLUSTERS, configItems, drains, network }, design)));
  return table(
    ['one stack for ten clusters, dollars per month', 'no drain', ...[TEN_CLUSTERS.drains, TWICE].map(drainsOf)],
    [
      [
        'behind NAT, with a gateway endpoint for S3',
        ...[0, TEN_CLUSTERS.drains, TWICE].map((drains) => month(0, drains)),
      ],
      ['… without that endpoint', ...[0, TEN_CLUSTERS.drains, TWICE].map((drains) => month(0, drains, 'nat'))],
      [
        '… and AWS Config records each network interface, its VPC, subnet and security group',
        ...[0, TEN_CLUSTERS.drains, TWICE].map((drains) => month(CONFIG_ITEMS.withRelated, drains, 'nat')),
      ],
    ],
  );
}

export function endpointsMonth(): number {
  return ENDPOINTS.count * ENDPOINTS.zones * PRICES.interfaceEndpointHour * MONTH_HOURS;
}

function drainsOf(drainsPerCluster: number): string {
  return `${number(TEN_CLUSTERS.clusters * drainsPerCluster)} drains`;
}

function number(figure: number): string {
  return figure.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

function dollars(figure: number): string {
  if (figure === 0) return '–';
  if (figure < 0.005) return '< 0.01';
  return figure.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

const USAGE = `Usage: node scripts/cost/cost.ts [options]

Without options, prints the tables of docs/cost.md; with options, the bill of your region.

  --clusters N           clusters of the region (${TEN_CLUSTERS.clusters})
  --drains N             drains of one cluster in a month (${TEN_CLUSTERS.drains})
  --minutes N            length of a drain (${TEN_CLUSTERS.drainMinutes})
  --instances N          instances in the Auto Scaling groups of one cluster (${TEN_CLUSTERS.instances})
  --groups N             Auto Scaling groups of one cluster (${TEN_CLUSTERS.groups})
  --architecture NAME    ARM64 or X86_64 (${TEN_CLUSTERS.architecture})
  --network NAME         ${NETWORKS.join(', ')} (${TEN_CLUSTERS.network})
  --config-items N       configuration items that AWS Config records for one task (${TEN_CLUSTERS.configItems}); 2 if it
                         records network interfaces, 8 with changes of their VPC, subnet and security group
`;

/**
 * The region of the options, the rest as in TEN_CLUSTERS.
 * @throws Error with a sentence for the user
 */
export function regionOf(options: readonly string[]): Region {
  const { values } = parseArgs({
    args: [...options],
    options: {
      clusters: { type: 'string' },
      drains: { type: 'string' },
      minutes: { type: 'string' },
      instances: { type: 'string' },
      groups: { type: 'string' },
      architecture: { type: 'string' },
      network: { type: 'string' },
      'config-items': { type: 'string' },
    },
  });
  const count = (name: Exclude<keyof typeof values, 'architecture' | 'network'>, otherwise: number, least: number) => {
    const value = values[name];
    if (value === undefined) return otherwise;
    if (!/^\d{1,9}$/.test(value) || Number(value) < least) {
      throw new Error(`--${name} must be a whole number, at least ${least}`);
    }
    return Number(value);
  };
  return {
    clusters: count('clusters', TEN_CLUSTERS.clusters, 1),
    drains: count('drains', TEN_CLUSTERS.drains, 0),
    drainMinutes: count('minutes', TEN_CLUSTERS.drainMinutes, 1),
    groups: count('groups', TEN_CLUSTERS.groups, 1),
    instances: count('instances', TEN_CLUSTERS.instances, 0),
    configItems: count('config-items', TEN_CLUSTERS.configItems, 0),
    architecture: oneOf('architecture', ['ARM64', 'X86_64'], values.architecture ?? TEN_CLUSTERS.architecture),
    network: oneOf('network', NETWORKS, values.network ?? TEN_CLUSTERS.network),
  };
}

function oneOf<T extends string>(name: string, allowed: readonly T[], value: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`--${name} must be one of ${allowed.join(', ')}`);
  return found;
}

function main(options: readonly string[]): void {
  if (options.includes('--help')) {
    process.stdout.write(USAGE);
    return;
  }
  if (options.length === 0) {
    const tables = [overviewTable(), billTable(), sizesTable(), savingsTable(), comparisonTable(), extrasTable()];
    process.stdout.write(`${tables.join('\n\n')}\n`);
    return;
  }
  try {
    const region = regionOf(options);
    process.stdout.write(`${billTable(region)}\n\n${extrasTable(region)}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 64;
  }
}

if (import.meta.main) main(process.argv.slice(2));
