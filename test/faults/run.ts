import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { scenarios } from './all.ts';
import type { FaultScenario, Figure } from './scenario.ts';

/**
 * `npm run faults`: everything that is to fail, fails, and the table says what became of the nodes. Exit 1 when one line is
 * not as promised.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

type Row = { readonly scenario: FaultScenario; readonly figure: Figure };

const chosen = scenarios.filter(({ name }) => name.toLowerCase().includes(values.only.toLowerCase()));
if (values.list) {
  process.stdout.write(chosen.map(({ name }) => `${name}\n`).join(''));
  process.exit(0);
}
const rows = new Map<FaultScenario, Row>();
await Promise.all([inTurn(chosen.filter(({ busy }) => busy)), ...chosen.filter(({ busy }) => !busy).map(play)]);

const inOrder = chosen.flatMap((scenario) => rows.get(scenario) ?? []);
process.stdout.write(`${tableOf(inOrder)}\n`);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(inOrder.map(withoutPrograms), undefined, 2)}\n`);
process.exit(inOrder.every(({ figure }) => isAsPromised(figure)) ? 0 : 1);

async function inTurn(busy: readonly FaultScenario[]): Promise<void> {
  for (const scenario of busy) await play(scenario);
}

/** The end of what each program said that did not end well. */
function lastWords({ programs }: Figure): string {
  return programs
    .filter(({ code }) => code !== 0)
    .map(({ code, lines, stderr }) => {
      const last = lines.slice(-8).map(({ message }) => `    ${message}\n`);
      return `  exit ${code}\n${last.join('')}${stderr}`;
    })
    .join('');
}

async function play(scenario: FaultScenario): Promise<void> {
  const figure = await scenario.run().catch((error: unknown) => broken(error));
  rows.set(scenario, { scenario, figure });
  process.stderr.write(
    `${isAsPromised(figure) ? 'as promised' : 'NOT AS PROMISED'}: ${scenario.name}: ${toldOf(figure)}\n`,
  );
  if (!isAsPromised(figure)) process.stderr.write(lastWords(figure));
}

function broken(error: unknown): Figure {
  const faults = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  return { nodes: 0, drained: 0, told: '', faults, programs: [] };
}

function isAsPromised({ nodes, drained, faults }: Figure): boolean {
  return nodes > 0 && drained === nodes && faults.length === 0;
}

function toldOf({ told, faults }: Figure): string {
  return [told, ...faults].filter((words) => words !== '').join('; ');
}

function tableOf(all: readonly Row[]): string {
  const lines = all.map(
    ({ scenario, figure }) => `| ${scenario.name} | ${figure.drained} of ${figure.nodes} | ${toldOf(figure)} |`,
  );
  return ['| what fails | drained | figures |', '|---|---|---|', ...lines].join('\n');
}

function withoutPrograms({ scenario, figure: { programs, ...figure } }: Row) {
  return { name: scenario.name, ...figure, programs: programs.length };
}
