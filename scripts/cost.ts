/**
 * What a drain costs: `node scripts/cost.ts`. List prices of us-east-1, which https://aws.amazon.com/fargate/pricing/ and
 * https://aws.amazon.com/cloudwatch/pricing/ keep up to date.
 */
const DOLLARS = {
  ARM64: { vcpuHour: 0.03238, gigabyteHour: 0.00356 },
  X86_64: { vcpuHour: 0.04048, gigabyteHour: 0.004445 },
  alarmMonth: 0.1,
  logGigabyte: 0.5,
};
const TASK = { vcpu: 0.25, gigabytes: 0.5 };
/** Fargate bills from the pull of the image on. */
const MINUTES = 6;
const LOG_KILOBYTES = 20;

const perMonth = (drains: number, hour: number) =>
  drains * ((hour * MINUTES) / 60 + (LOG_KILOBYTES / 1e6) * DOLLARS.logGigabyte) + DOLLARS.alarmMonth;

const row = (architecture: 'ARM64' | 'X86_64') => {
  const { vcpuHour, gigabyteHour } = DOLLARS[architecture];
  const hour = TASK.vcpu * vcpuHour + TASK.gigabytes * gigabyteHour;
  const figures = [(hour * MINUTES) / 60, hour * 48, perMonth(0, hour), perMonth(1_000, hour)];
  return `| ${architecture} | ${figures.map((dollars) => `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`).join(' | ')} |`;
};

/** The table of the README. */
export function costTable(): string {
  return [
    `| | a drain of ${MINUTES} minutes | one of 48 hours | a month without drains | with 1,000 drains |`,
    '|---|---|---|---|---|',
    row('ARM64'),
    row('X86_64'),
  ].join('\n');
}

if (import.meta.main) process.stdout.write(`${costTable()}\n`);
