import { type Figures, requestsOf, sum } from './figures.ts';
import type { Result, ScenarioResults } from './result.ts';
import { podsOf } from './scenario.ts';

const UNKNOWN = '–';

const HEADINGS = [
  'scenario',
  'drained by',
  'seconds',
  'vs kubectl',
  'vs floor',
  'requests',
  'per pod',
  'refused',
  'peak RSS',
  'first response',
  'allowed → sent',
  'last gone → done',
  'requests by verb',
];

/** All results as a table, for terminals and Markdown. */
export function table(all: readonly ScenarioResults[]): string {
  return markdown([HEADINGS, ...all.flatMap(rowsOf)]);
}

function rowsOf(of: ScenarioResults): string[][] {
  const kubectl = of.results.find(({ contender }) => contender === 'kubectl')?.figures.seconds;
  return of.results.map((result, index) => [index === 0 ? of.scenario.title : '', ...row(result, of, kubectl)]);
}

function row({ title, figures }: Result, { scenario, floorSeconds }: ScenarioResults, kubectl: number | undefined) {
  const requests = requestsOf(figures);
  const total = requests === undefined ? undefined : sum(requests);
  return [
    title,
    secondsText(figures),
    figure(kubectl, (seconds) => `${(seconds / figures.seconds).toFixed(1)} × as fast`),
    `${(figures.seconds / floorSeconds).toFixed(2)} ×`,
    figure(total, String),
    figure(total, (count) => (count / podsOf(scenario)).toFixed(2)),
    figure(figures.refused, String),
    figure(figures.peakMegabytes, (megabytes) => `${megabytes.toFixed(0)} MB`),
    figure(figures.firstResponseMs, milliseconds),
    figure(figures.allowedToSentMs, milliseconds),
    figure(figures.lastGoneToDoneMs, milliseconds),
    figure(requests, byVerb),
  ];
}

function secondsText({ seconds, exitCode, remainingPods }: Figures): string {
  const faults = [
    ...(exitCode === 0 ? [] : [`exit ${exitCode}`]),
    ...(remainingPods === 0 ? [] : [`${remainingPods} pods remaining`]),
  ];
  return [seconds.toFixed(2), ...faults].join(', ');
}

function figure<T>(value: T | undefined, text: (value: T) => string): string {
  return value === undefined ? UNKNOWN : text(value);
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}

function byVerb(requests: Readonly<Record<string, number>>): string {
  return Object.entries(requests)
    .filter(([, count]) => count > 0)
    .toSorted()
    .map(([verb, count]) => `${count} ${verb}`)
    .join(', ');
}

export function markdown(rows: readonly (readonly string[])[]): string {
  const [headings = []] = rows;
  const widths = headings.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(headings), rule, ...rows.slice(1).map(line)].join('\n');
}
