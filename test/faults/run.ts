import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

/**
 * `npm run faults`: runs every fault scenario and prints a table of the results. Exits with 1 when a scenario does not
 * pass.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    except: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

type Row = { readonly scenario: FaultScenario; readonly result: FaultResult };

const matches = (words: string) => (name: string) => name.toLowerCase().includes(words.toLowerCase());
const isExcepted = (name: string) => values.except.some((words) => matches(words)(name));
const chosen = scenarios.filter(({ name }) => matches(values.only)(name) && !isExcepted(name));
if (values.list) {
  process.stdout.write(chosen.map(({ name }) => `${name}\n`).join(''));
  process.exit(0);
}
const rows = new Map<FaultScenario, Row>();
await Promise.all([inTurn(chosen.filter(({ busy }) => busy)), ...chosen.filter(({ busy }) => !busy).map(runScenario)]);

const inOrder = chosen.flatMap((scenario) => rows.get(scenario) ?? []);
process.stdout.write(`${tableOf(inOrder)}\n`);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(inOrder.map(withoutPrograms), undefined, 2)}\n`);
process.exit(inOrder.every(({ result }) => hasPassed(result)) ? 0 : 1);

async function inTurn(busy: readonly FaultScenario[]): Promise<void> {
  for (const scenario of busy) await runScenario(scenario);
}

/** The last log lines of each program that failed. */
function lastLines({ programs }: FaultResult): string {
  return programs
    .filter(({ code }) => code !== 0)
    .map(({ code, lines, stderr }) => {
      const last = lines.slice(-8).map(({ message }) => `    ${message}\n`);
      return `  exit ${code}\n${last.join('')}${stderr}`;
    })
    .join('');
}

async function runScenario(scenario: FaultScenario): Promise<void> {
  const result = await scenario.run().catch((error: unknown) => crashed(error));
  rows.set(scenario, { scenario, result });
  const words = [`harm: ${result.harm}`, figuresOf(result)].join('; ');
  process.stderr.write(`${hasPassed(result) ? 'passed' : 'FAILED'}: ${scenario.name}: ${words}\n`);
  if (!hasPassed(result)) process.stderr.write(lastLines(result));
}

function crashed(error: unknown): FaultResult {
  const problems = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  return { nodes: 0, drained: 0, harm: 'unknown', figures: '', problems, programs: [] };
}

function hasPassed({ nodes, drained, harm, problems }: FaultResult): boolean {
  return nodes > 0 && drained === nodes && harm === 'none' && problems.length === 0;
}

function figuresOf({ figures, problems }: FaultResult): string {
  return [figures, ...problems].filter((words) => words !== '').join('; ');
}

function tableOf(all: readonly Row[]): string {
  const lines = all.map(
    ({ scenario, result }) =>
      `| ${scenario.name} | ${result.drained} of ${result.nodes} | ${result.harm} | ${figuresOf(result)} |`,
  );
  return ['| what fails | drained | harm | results |', '|---|---|---|---|', ...lines].join('\n');
}

function withoutPrograms({ scenario, result: { programs, ...result } }: Row) {
  return { name: scenario.name, ...result, programs: programs.length };
}
