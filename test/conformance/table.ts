import { markdown } from '../../scripts/bench/table.ts';
import type { Column, Outcome, Run } from './result.ts';
import { groups } from './scenarios/all.ts';

/** ✓, ✗ with the harm, – where the drainer took no part. */
export function cell(outcome: Outcome | undefined): string {
  switch (outcome?.outcome) {
    case 'passed':
      return '✓';
    case 'failed':
      return `✗ ${outcome.harm.join('; ')}`;
    case 'error':
      return `(the suite failed: ${outcome.error})`;
    default:
      return '–';
  }
}

/** One run as a table, for terminals and Markdown. */
export function table({ columns }: Run): string {
  const rows = groups.flatMap(({ section, scenarios }) => {
    const run = scenarios.filter(({ id }) => columns.some(({ results }) => results[id] !== undefined));
    if (run.length === 0) return [];
    return [
      ['', `**${section}**`, ...columns.map(() => '')],
      ...run.map(({ id, title }) => [id, title, ...columns.map(({ results }) => cell(results[id]))]),
    ];
  });
  return markdown([['#', 'what must be', ...columns.map(({ title }) => title)], ...rows, totals({ columns })]);
}

function totals({ columns }: Pick<Run, 'columns'>): string[] {
  return ['', '**passed**', ...columns.map((column) => `**${tally(column)}**`)];
}

/** `43 of 48`: those that were judged. */
export function tally({ results }: Column): string {
  const judged = Object.values(results).filter(({ outcome }) => outcome === 'passed' || outcome === 'failed');
  return `${judged.filter(({ outcome }) => outcome === 'passed').length} of ${judged.length}`;
}
