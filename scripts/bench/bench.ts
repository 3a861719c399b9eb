import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argumentsOrExit, exit, log } from '../exit.ts';
import { auditLogOf } from './audit-log.ts';
import { Background } from './background.ts';
import { chart } from './chart.ts';
import { openCluster } from './cluster.ts';
import { type Contender, fillCompileCache, kubectl, worker } from './contender.ts';
import type { Figures } from './figures.ts';
import { goalsOf } from './goals.ts';
import { type Bench, dryRun, measure } from './measure.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { median, type Result, type ScenarioResults } from './result.ts';
import { fitted, floorMs, type Scenario, scenarios } from './scenario.ts';
import { markdown, table } from './table.ts';

/**
 * `npm run bench`: fills a node of the cluster that KUBECONFIG names with the pods of each scenario, lets the built program and
 * `kubectl drain` drain it in turn, and prints what each of them took. A goal that is not met does not fail the benchmark.
 */

/** Dry runs of each contender that are measured. */
const DRY_RUNS = 5;

const kubeconfig = process.env['KUBECONFIG'] ?? '';
const options = argumentsOrExit(readOptions, USAGE);
if (kubeconfig === '') exit('KUBECONFIG is not set: export KUBECONFIG=FILE names the cluster');

const cluster = await openCluster(kubeconfig, options.node);
const contenders = await contendersOf(options);
const bench: Bench = { cluster, out: options.out, auditLog: auditLogOf(process.env, kubeconfig) };
await mkdir(options.out, { recursive: true });
log(`node ${cluster.target}; requests are counted in ${bench.auditLog ?? 'the summary of the drainer only'}`);
if (cluster.runsContainers) {
  log(
    'its kubelet runs containers, which need additional time to become ready and to end: every floor is slightly too low',
  );
}

const firstResponsesMs: number[] = [];
for (const contender of contenders) {
  // The first one fills caches.
  await dryRun(contender, bench);
  for (let run = 0; run < DRY_RUNS; run++) {
    const firstResponseMs = await dryRun(contender, bench);
    if (firstResponseMs !== undefined) firstResponsesMs.push(firstResponseMs);
  }
}
const all: ScenarioResults[] = [];
for (const scenario of scenarios(options)) {
  if (options.only.length > 0 && !options.only.includes(scenario.name)) continue;
  all.push(await runScenario(fitted(scenario, cluster.podCapacity)));
}
await writeFile(join(options.out, 'results.json'), asJson());
if (options.json) process.stdout.write(asJson());
else process.stdout.write(`${table(all)}\n\n${goalsText()}\n\nCharts and logs are in ${options.out}/\n`);

async function runScenario(scenario: Scenario): Promise<ScenarioResults> {
  log(scenario.title);
  const { background: size } = scenario;
  const background = size === undefined ? undefined : await Background.create(cluster, size);
  if (size !== undefined) log(`  with ${size.pods} more pods on ${size.nodes} more nodes`);
  try {
    const results: Result[] = [];
    for (const contender of contenders) {
      if (scenario.contenders === 'worker' && contender.name !== 'worker') continue;
      const figures = await medianRun(contender, scenario);
      if (figures !== undefined) results.push({ contender: contender.name, title: contender.title, figures });
    }
    const floorSeconds = floorMs(scenario) / 1000;
    await writeFile(join(options.out, `${scenario.name}.svg`), chartOf(scenario, floorSeconds, results));
    return { scenario, floorSeconds, results };
  } finally {
    await background?.remove();
  }
}

async function medianRun(contender: Contender, scenario: Scenario): Promise<Figures | undefined> {
  const runs: Figures[] = [];
  for (let run = 1; run <= options.runs; run++) {
    const figures = await measure(contender, scenario, bench);
    if (figures === undefined) {
      log(`  skipped: only root on Linux with a writable /sys/fs/cgroup can limit a program to ${scenario.vcpus} CPUs`);
      return undefined;
    }
    log(`  ${contender.title}: ${figures.seconds.toFixed(2)} s`);
    runs.push(figures);
  }
  return median(runs);
}

function chartOf(scenario: Scenario, floorSeconds: number, results: readonly Result[]): string {
  const series = results.map(({ title, figures }) => ({
    name: title,
    seconds: figures.seconds,
    points: figures.timeline,
  }));
  return chart({ title: scenario.title, floorSeconds, series });
}

function goalsText(): string {
  const goals = goalsOf(all, firstResponsesMs).map(({ goal, measured, met }) => [goal, measured, met ? 'yes' : 'no']);
  return markdown([['goal of fargate-node-drainer', 'measured', 'met'], ...goals]);
}

function asJson(): string {
  return `${JSON.stringify({ runsContainers: cluster.runsContainers, scenarios: all, goals: goalsOf(all, firstResponsesMs) }, undefined, 2)}\n`;
}

async function contendersOf({ contenders: wanted, out }: Options): Promise<Contender[]> {
  const drainer = process.env['DRAINER_KUBECONFIG'] || kubeconfig;
  const compileCache = join(out, 'compile-cache');
  await fillCompileCache(compileCache);
  const available = [worker(drainer, compileCache), await kubectl(kubeconfig)];
  return available
    .filter((contender) => contender !== undefined)
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}
