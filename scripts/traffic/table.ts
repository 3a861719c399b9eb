import { markdown } from '../bench/table.ts';
import { failuresIn, type Measured, type Result } from './figures.ts';
import type { Goal } from './goals.ts';
import type { Scenario } from './scenario.ts';

const UNKNOWN = '–';
const HEADINGS = [
  'scenario',
  'drained by',
  'failed of sent',
  'seconds',
  'last pod asked',
  'vs floor',
  'p99',
  'failed how',
];
const THOUSANDS = new Intl.NumberFormat('en');

/** All results, for terminals and Markdown. */
export function table(all: readonly Scenario[], results: readonly Result[]): string {
  const rows = all.flatMap((scenario) => {
    const own = results.filter((result) => result.scenario === scenario.name);
    return own.map((result, index) => [index === 0 ? scenario.title : '', result.title, ...cells(result, scenario)]);
  });
  return markdown([HEADINGS, ...rows]);
}

export function goalsTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ goal, measured, met }) => [goal, measured, met ? 'met' : 'NOT MET']);
  return markdown([['goal of fargate-node-drainer', 'measured', ''], ...rows]);
}

function cells({ outcome }: Result, { limitSeconds }: Scenario): string[] {
  if (outcome.kind === 'not run') return [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, `not run: ${outcome.reason}`];
  const { sent, seconds, lastAskedSeconds, floorSeconds, p99Ms } = outcome;
  return [
    `${THOUSANDS.format(failuresIn(outcome))} of ${THOUSANDS.format(sent)}`,
    outcome.ended ? seconds.toFixed(1) : `never ends (stopped after ${limitSeconds} s)`,
    lastAskedSeconds === undefined ? UNKNOWN : `after ${lastAskedSeconds.toFixed(1)} s`,
    floorSeconds === undefined ? UNKNOWN : `${(seconds / floorSeconds).toFixed(2)} ×`,
    p99Ms === undefined ? UNKNOWN : `${Math.round(p99Ms)} ms`,
    howText(outcome),
  ];
}

function howText({ failed }: Measured): string {
  const kinds = Object.entries(failed).sort(([, a], [, b]) => b - a);
  return kinds.map(([kind, count]) => `${THOUSANDS.format(count)} ${kind}`).join(', ') || UNKNOWN;
}
