/** What many terminations at once ask for: `node scripts/scale/scale.ts` prints the tables of docs/scale.md. */
import { MONTH_HOURS, monthOf } from '../cost/cost.ts';
import { caughtInTime, type Demand, demandOf, type Load, secondsToStart, TEMPLATE } from './model.ts';
import { DEFAULT_VCPUS, QUOTAS } from './quotas.ts';

export const CASES = {
  thousand: { clusters: 1, terminations: 1_000, within: 0 },
  rolling: { clusters: 50, terminations: 10_000, within: 86_400 },
  half: { clusters: 50, terminations: 5_000, within: 0 },
} as const satisfies Record<string, Load>;

/** ecr.api, ecr.dkr, ecs, logs, autoscaling, ec2 and eks in three zones, each by the hour. https://aws.amazon.com/privatelink/pricing/ */
const ENDPOINTS = { count: 7, zones: 3, dollarsAnHour: 0.01 };
const HEARTBEAT_TIMEOUTS = [TEMPLATE.heartbeatTimeout, 3_600, 7_200];
const ENOUGH_VCPUS = Number.POSITIVE_INFINITY;

type Row = readonly [what: string, figure: (demand: Demand, load: Load) => string];

const ROWS: readonly Row[] = [
  ['EventBridge invocations a second', ({ events }) => number(events)],
  ['tasks started a second', ({ starts }) => number(starts)],
  ['the last one is started after', ({ secondsToStart }) => duration(secondsToStart)],
  ['… if each instance gets two', (_, load) => duration(Math.max(load.within, secondsToStart(load.terminations * 2)))],
  ['drains at once', ({ tasksAtOnce }) => number(tasksAtOnce)],
  ['vCPUs at once, with sweeps', ({ vcpus }) => number(vcpus)],
  ['network interfaces at once', ({ addresses }) => number(addresses)],
  ['IP addresses for one stack', ({ addressesPerCluster }) => number(addressesPerCluster)],
  ['Auto Scaling calls a second, by starting tasks', ({ autoScalingCalls }) => number(autoScalingCalls)],
  ['heartbeats a second, if all drains go on at once', ({ heartbeats }) => number(heartbeats)],
  ['Auto Scaling calls a second, by sweeps', ({ sweepCalls }) => number(sweepCalls)],
  ['… without `AutoScalingGroupPrefix`', ({ sweepCallsWithoutPrefix }) => number(sweepCallsWithoutPrefix)],
  ['ListTasks and DescribeTasks a second', ({ sweepTaskReads }) => number(sweepTaskReads)],
  ['EC2, EKS, STS calls and log streams a second, each', ({ starts }) => number(starts)],
  ['Kubernetes requests a second, in one cluster', ({ kubernetesRequests }) => number(kubernetesRequests)],
  ['watches open in one cluster', ({ watches }) => number(watches)],
  ['watch events of budgets in one cluster, at worst', ({ budgetEvents }) => number(budgetEvents)],
  ['MB of logs', ({ logMegabytes }) => number(logMegabytes)],
  ['dollars a month, if it happens once in it (ARM64)', (_, load) => dollars(load.clusters * month(load))],
  ['… VPC endpoints, if each stack needs its own', (_, load) => dollars(load.clusters * endpoints())],
];

/** The cases, side by side. */
export function figuresTable(): string {
  const loads: readonly Load[] = Object.values(CASES);
  return table(
    ['in one account and region', '1,000 at once in one cluster', '10,000 within a day in 50', '5,000 at once in 50'],
    ROWS.map(([what, figure]) => [what, ...loads.map((load) => figure(demandOf(load), load))]),
  );
}

/** How many terminations at once have a heartbeat in time. */
export function limitsTable(): string {
  return table(
    [
      'heartbeat timeout',
      'one cluster',
      '… two tasks each',
      '50 clusters',
      '… two tasks each',
      `one, with ${DEFAULT_VCPUS} vCPUs`,
    ],
    HEARTBEAT_TIMEOUTS.map((timeout) => [
      `${number(timeout)} s`,
      ...[1, CASES.half.clusters].flatMap((clusters) =>
        [1, 2].map((each) => number(caughtInTime(clusters, timeout, ENOUGH_VCPUS, each))),
      ),
      number(caughtInTime(1, timeout, DEFAULT_VCPUS)),
    ]),
  );
}

/** What to ask AWS for. */
export function quotasTable(): string {
  const needs = [CASES.thousand, CASES.half].map((load) => demandOf(load));
  return table(
    ['quota, of one account in one region', 'default', '1,000 ask for', '5,000 ask for', 'raised by'],
    QUOTAS.map(({ name, default: usual, needed, raised, source, secondHand }) => [
      `[${name}](${source})`,
      usual === undefined ? 'not published' : `${number(usual)}${secondHand ? ' †' : ''}`,
      ...needs.map((demand) => number(needed(demand))),
      raised,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** Three digits where it is small, none after the point where it is not. */
function number(figure: number): string {
  return figure < 10
    ? String(Number(figure.toPrecision(2)))
    : figure.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

function duration(seconds: number): string {
  return seconds >= 3_600 ? `${number(seconds / 3_600)} h` : `${number(seconds)} s`;
}

function dollars(figure: number): string {
  return `$${number(figure)}`;
}

function month({ clusters, terminations }: Load): number {
  return monthOf('ARM64', terminations / clusters);
}

function endpoints(): number {
  return ENDPOINTS.count * ENDPOINTS.zones * ENDPOINTS.dollarsAnHour * MONTH_HOURS;
}

if (import.meta.main) {
  process.stdout.write(`${figuresTable()}\n\n${limitsTable()}\n\n${quotasTable()}\n`);
}
