import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { adminBy } from '../../test/cluster/admin.ts';
import { workers } from '../../test/cluster/nodes.ts';
import { argumentsOrExit, exit, log } from '../exit.ts';
import { chart, type Panel } from './chart.ts';
import { type Drainer, drainersOf } from './drainer.ts';
import { failuresIn, type Result, Results } from './figures.ts';
import { goalsOf } from './goals.ts';
import { measure, REQUESTS_PER_SECOND, type Setup } from './measure.ts';
import { readOptions, USAGE } from './options.ts';
import { type Scenario, scenarios } from './scenario.ts';
import { goalsTable, table } from './table.ts';

/**
 * `npm run traffic`: sends requests to an application while its node is drained by our drainer, by `kubectl drain` and by a power cut, and
 * prints how many failed. A goal that is not met does not fail the benchmark; the zeros are asserted by `npm run test:nodes`.
 */

const options = argumentsOrExit(readOptions, USAGE);
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const kubeconfig = process.env['KUBECONFIG'] ?? '';
if (kubeconfig === '') exit('KUBECONFIG is not set: export KUBECONFIG=FILE names the cluster');
const unknown = options.only.filter((name) => scenarios.every((scenario) => scenario.name !== name));
if (unknown.length > 0)
  exit(`no scenario ${unknown.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}`);

const { out, deregistrationSeconds } = options;
await mkdir(out, { recursive: true });
const admin = await adminBy(await readFile(kubeconfig, 'utf8'));
const setup: Setup = { admin, workers: await workers(admin), deregistrationSeconds, out };
const drainers = (await drainersOf(admin, { kubeconfig, environment: process.env, out })).filter(
  ({ name }) => options.drainers.length === 0 || options.drainers.includes(name),
);
const file = join(out, 'results.json');
const results = new Map<string, Result>(
  (await earlier()).map((result) => [keyOf(result.scenario, result.drainer), result]),
);
for (const scenario of scenarios) {
  if (options.only.length > 0 && !options.only.includes(scenario.name)) continue;
  log(scenario.title);
  for (const drainer of drainers) {
    const result = await run(drainer, scenario);
    results.set(keyOf(scenario.name, drainer.name), result);
    log(`  ${drainer.title}: ${shortText(result)}`);
    await writeFile(
      file,
      `${JSON.stringify({ requestsPerSecond: REQUESTS_PER_SECOND, results: all() }, undefined, 2)}\n`,
    );
  }
}
await writeFile(join(out, 'failed-requests.svg'), chartOf(all()));
const goals = goalsOf(scenarios, all());
process.stdout.write(`${table(scenarios, all())}\n\n`);
if (goals.length > 0) process.stdout.write(`${goalsTable(goals)}\n\n`);
process.stdout.write(
  "Without preStop a server stops listening before every proxy has learned that its pod ends: requests that fail then are the application's\nto save, by a preStop hook that sleeps for some seconds. No drainer can.\n\n",
);
process.stdout.write(`The figures, the chart and logs are in ${out}/\n`);

async function run(drainer: Drainer, scenario: Scenario): Promise<Result> {
  const { name, title } = drainer;
  const missing =
    setup.workers.length > scenario.nodes
      ? undefined
      : `needs ${scenario.nodes + 1} worker nodes, and the cluster has ${setup.workers.length}`;
  const reason = missing ?? drainer.cannot(scenario);
  const outcome: Result['outcome'] =
    reason === undefined ? await measure(drainer, scenario, setup) : { kind: 'not run', reason };
  return { scenario: scenario.name, drainer: name, title, outcome };
}

/** In the order of the scenarios and drainers. */
function all(): Result[] {
  return scenarios.flatMap(({ name }) =>
    ['ours', 'kubectl', 'power-cut'].flatMap((drainer) => results.get(keyOf(name, drainer)) ?? []),
  );
}

async function earlier(): Promise<readonly Result[]> {
  return existsSync(file) ? v.parse(Results, JSON.parse(await readFile(file, 'utf8'))).results : [];
}

function chartOf(measured: readonly Result[]): string {
  const panels = scenarios.flatMap(({ name, title }): Panel[] => {
    const lines = measured.flatMap(({ scenario, drainer, outcome }) => {
      if (scenario !== name || outcome.kind !== 'measured') return [];
      const { failedAt, fromSecond, toSecond, ended, seconds } = outcome;
      return [{ name: drainer, failedAt, fromSecond, toSecond, endedAt: ended ? seconds : undefined }];
    });
    return lines.length === 0 ? [] : [{ title, lines }];
  });
  const titles = Object.fromEntries(measured.map(({ drainer, title }) => [drainer, title]));
  return chart(panels, titles, REQUESTS_PER_SECOND);
}

function keyOf(scenario: string, drainer: string): string {
  return `${scenario} ${drainer}`;
}

function shortText({ outcome }: Result): string {
  if (outcome.kind === 'not run') return `not run: ${outcome.reason}`;
  return `${failuresIn(outcome)} of ${outcome.sent} failed, ${outcome.ended ? `${outcome.seconds.toFixed(1)} s` : 'never ends'}`;
}
