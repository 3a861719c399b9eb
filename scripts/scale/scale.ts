/** What many terminations at once require: `node scripts/scale/scale.ts` prints the tables of docs/scale.md. */
import { billOf, TEN_CLUSTERS, totalOf as totalOfBill } from '../cost/bill.ts';
import { table } from '../cost/table.ts';
import { type Demand, demandOf, drainableInTime, type Load, nodeOf, secondsToStart, TEMPLATE } from './model.ts';
import { DEFAULT_VCPUS, QUOTAS } from './quotas.ts';
import { requestsOf, totalOf } from './requests.ts';

export const CASES = {
  thousand: { clusters: 1, instances: 2_000, terminations: 1_000, within: 0 },
  region: { clusters: 10, instances: 2_000, terminations: 1_000, within: 0 },
  rolling: { clusters: 50, instances: 10_000, terminations: 10_000, within: 86_400 },
  half: { clusters: 50, instances: 10_000, terminations: 5_000, within: 0 },
} as const satisfies Record<string, Load>;

const HEARTBEAT_TIMEOUTS = [TEMPLATE.heartbeatTimeout, 3_600, 7_200];
const UNLIMITED_VCPUS = Number.POSITIVE_INFINITY;

type Row = readonly [label: string, figure: (demand: Demand, load: Load) => string];

const ROWS: readonly Row[] = [
  ['EventBridge invocations per second', ({ events }) => number(events)],
  ['task starts per second', ({ starts }) => number(starts)],
  ['the last task starts after', ({ secondsToStart }) => duration(secondsToStart)],
  [
    '… with two tasks per instance',
    (_, load) => duration(Math.max(load.within, secondsToStart(load.terminations * 2))),
  ],
  ['concurrent drains', ({ tasksAtOnce }) => number(tasksAtOnce)],
  ['concurrent vCPUs, with a sweep', ({ vcpus }) => number(vcpus)],
  ['concurrent network interfaces and IP addresses', ({ addresses }) => number(addresses)],
  ['Auto Scaling calls per second, by starting tasks', ({ autoScalingCalls }) => number(autoScalingCalls)],
  ['heartbeats per second, if all drains run at the same time', ({ heartbeats }) => number(heartbeats)],
  ['pages of DescribeAutoScalingInstances per minute, by the probe', ({ probePages }) => number(probePages)],
  ['seconds for which the probe looks', ({ probeSeconds }) => number(probeSeconds)],
  ['Auto Scaling calls per second, by the probe', ({ probeCalls }) => number(probeCalls)],
  [
    'Auto Scaling calls per second, by sweeps, while instances wait without a task',
    ({ sweepCalls }) => number(sweepCalls),
  ],
  ['ListTasks and DescribeTasks calls per second', ({ taskReads }) => number(taskReads)],
  ['EC2, EKS and STS calls and log streams per second, each', ({ starts }) => number(starts)],
  ['Kubernetes requests per second, in one cluster', ({ kubernetesRequests }) => number(kubernetesRequests)],
  ['open watches in one cluster', ({ watches }) => number(watches)],
  ['watch events of budgets in one cluster, worst case', ({ budgetEvents }) => number(budgetEvents)],
  ['MB of logs', ({ logMegabytes }) => number(logMegabytes)],
  ['dollars per month, if it happens once a month', (_, load) => number(dollarsPerMonth(load))],
];

/** One column per case. */
export function figuresTable(): string {
  const loads: readonly Load[] = Object.values(CASES);
  return table(
    [
      'in one account and region',
      '1,000 at once in 1 cluster',
      '1,000 at once in 10 clusters',
      '10,000 within a day in 50 clusters',
      '5,000 at once in 50 clusters',
    ],
    ROWS.map(([label, figure]) => [label, ...loads.map((load) => figure(demandOf(load), load))]),
  );
}

/** How many simultaneous terminations get a heartbeat in time. */
export function limitsTable(): string {
  return table(
    ['heartbeat timeout', 'enough vCPUs', '… two tasks per instance', `${DEFAULT_VCPUS} vCPUs`],
    HEARTBEAT_TIMEOUTS.map((timeout) => [
      `${number(timeout)} s`,
      ...[1, 2].map((tasks) => number(drainableInTime(timeout, UNLIMITED_VCPUS, tasks))),
      number(drainableInTime(timeout, DEFAULT_VCPUS)),
    ]),
  );
}

/** The quotas to request from AWS. */
export function quotasTable(): string {
  const needs = [CASES.region, CASES.half].map((load) => demandOf(load));
  return table(
    ['quota, per account and region', 'default', 'needed for 1,000', 'needed for 5,000', 'request from'],
    QUOTAS.map(({ name, defaultValue, needed, requestFrom, source, secondHand }) => [
      `[${name}](${source})`,
      defaultValue === undefined ? 'not published' : `${number(defaultValue)}${secondHand ? ' †' : ''}`,
      ...needs.map((demand) => number(needed(demand))),
      requestFrom,
    ]),
  );
}

/** With 30 pods on each node, 300,000 pods. */
const LARGE_CLUSTER_NODES = 10_000;

/** Every request of one drain to the API server of a large cluster. */
export function requestsTable(): string {
  const requests = requestsOf(nodeOf(LARGE_CLUSTER_NODES));
  return table(
    ['request', 'verb', 'how many', 'served from'],
    [
      ...requests.map(({ what, verb, count, servedFrom }) => [what, verb, number(count), servedFrom]),
      ['all', '', number(totalOf(requests)), ''],
    ],
  );
}

/** Two significant digits below ten, a whole number above. */
function number(figure: number): string {
  return figure < 10
    ? String(Number(figure.toPrecision(2)))
    : figure.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

function duration(seconds: number): string {
  return seconds >= 3_600 ? `${number(seconds / 3_600)} h` : `${number(seconds)} s`;
}

function dollarsPerMonth({ clusters, instances, terminations }: Load): number {
  return totalOfBill(
    billOf({ ...TEN_CLUSTERS, clusters, instances: instances / clusters, drains: terminations / clusters }),
  );
}

if (import.meta.main) {
  process.stdout.write(`${figuresTable()}\n\n${limitsTable()}\n\n${quotasTable()}\n\n${requestsTable()}\n`);
}
