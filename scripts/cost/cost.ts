/**
 * What drains and sweeps cost: `node scripts/cost/cost.ts`. List prices of us-east-1, without what is free, which
 * https://aws.amazon.com/fargate/pricing/ and https://aws.amazon.com/cloudwatch/pricing/ keep up to date. The schedule costs
 * nothing: https://aws.amazon.com/eventbridge/pricing/ begins to count at 14 million a month.
 */
const DOLLARS = {
  ARM64: { vcpuHour: 0.03238, gigabyteHour: 0.00356 },
  X86_64: { vcpuHour: 0.04048, gigabyteHour: 0.004445 },
  alarmMonth: 0.1,
  dashboardMonth: 3,
  /** For the hours in which it is written. */
  metricMonth: 0.3,
  logGigabyte: 0.5,
};
export const TASK = { vcpu: 0.25, gigabytes: 0.5 };
const ALARMS = 5;
/** Fargate bills from the pull of the image on. */
export const DRAIN = { minutes: 6, logKilobytes: 20 };
/** Fargate bills a minute at least, and a sweep is done within one. */
export const SWEEP = { minutes: 1, logKilobytes: 2, everyMinutes: 5, metrics: 3 };
/** For a drain's seven, of one group and of the cluster, as if each were written in every hour in which there is a drain. */
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

/** Dollars for one stack in a month with so many drains. */
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
    `| | a drain of ${DRAIN.minutes} minutes | one of 48 hours | sweeps for a month | alarms and dashboard | all with 1,000 drains a month |`,
    '|---|---|---|---|---|---|',
    row('ARM64'),
    row('X86_64'),
  ].join('\n');
}

if (import.meta.main) process.stdout.write(`${costTable()}\n`);
