/**
 * What drains and sweeps cost: `node scripts/cost/cost.ts`. List prices of us-east-1, without the free tier:
 * https://aws.amazon.com/fargate/pricing/ and https://aws.amazon.com/cloudwatch/pricing/. The schedule is free: EventBridge Scheduler
 * bills only above 14 million invocations a month (https://aws.amazon.com/eventbridge/pricing/).
 */
const DOLLARS = {
  ARM64: { vcpuHour: 0.03238, gigabyteHour: 0.00356 },
  X86_64: { vcpuHour: 0.04048, gigabyteHour: 0.004445 },
  alarmMonth: 0.1,
  dashboardMonth: 3,
  /** Billed only for the hours in which the metric is written. */
  metricMonth: 0.3,
  logGigabyte: 0.5,
};
export const TASK = { vcpu: 0.25, gigabytes: 0.5 };
const ALARMS = 5;
/** Fargate bills from the start of the image pull. */
export const DRAIN = { minutes: 6, logKilobytes: 20 };
/** Fargate bills at least one minute, and a sweep takes less. */
export const SWEEP = { minutes: 1, logKilobytes: 2, everyMinutes: 5, metrics: 3 };
/** Seven metrics of a drain, each by group and by cluster, as if each were written in every hour with a drain. */
const DRAIN_METRICS = 14;
export const MONTH_HOURS = 730;

type Run = { readonly minutes: number; readonly logKilobytes: number };

const perRun = (hour: number, { minutes, logKilobytes }: Run) =>
  (hour * minutes) / 60 + (logKilobytes / 1e6) * DOLLARS.logGigabyte;

const sweepsPerMonth = (hour: number) =>
  ((MONTH_HOURS * 60) / SWEEP.everyMinutes) * perRun(hour, SWEEP) + SWEEP.metrics * DOLLARS.metricMonth;

const drainsPerMonth = (hour: number, drains: number) =>
  drains * perRun(hour, DRAIN) + Math.min(1, drains / MONTH_HOURS) * DRAIN_METRICS * DOLLARS.metricMonth;

const STANDING = ALARMS * DOLLARS.alarmMonth + DOLLARS.dashboardMonth;

type Architecture = 'ARM64' | 'X86_64';

const hourOf = (architecture: Architecture) =>
  TASK.vcpu * DOLLARS[architecture].vcpuHour + TASK.gigabytes * DOLLARS[architecture].gigabyteHour;

/** Dollars per month for one stack with this number of drains. */
export function monthOf(architecture: Architecture, drains: number): number {
  const hour = hourOf(architecture);
  return STANDING + sweepsPerMonth(hour) + drainsPerMonth(hour, drains);
}

const row = (architecture: Architecture) => {
  const hour = hourOf(architecture);
  const figures = [
    (hour * DRAIN.minutes) / 60,
    hour * 48,
    sweepsPerMonth(hour),
    STANDING,
    monthOf(architecture, 1_000),
  ];
  return `| ${architecture} | ${figures.map((dollars) => `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`).join(' | ')} |`;
};

/** The table of the README. */
export function costTable(): string {
  return [
    `| | a drain of ${DRAIN.minutes} minutes | a drain of 48 hours | sweeps per month | alarms and dashboard per month | total per month with 1,000 drains |`,
    '|---|---|---|---|---|---|',
    row('ARM64'),
    row('X86_64'),
  ].join('\n');
}

if (import.meta.main) process.stdout.write(`${costTable()}\n`);
