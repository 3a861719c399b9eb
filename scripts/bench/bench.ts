import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { auditLogOf } from './audit-log.ts';
import { chart } from './chart.ts';
import { openCluster } from './cluster.ts';
import { type Contender, kubectl, worker } from './contender.ts';
import type { Figures } from './figures.ts';
import { goalsOf } from './goals.ts';
import { measure, type Place, rehearse } from './measure.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { middle, type Result, type ScenarioResults } from './result.ts';
import { fitted, floorMs, type Scenario, scenarios } from './scenario.ts';
import { Surroundings } from './surroundings.ts';
import { markdown, table } from './table.ts';

/**
 * `npm run bench`: lays scenarios on a node of the cluster that KUBECONFIG names, lets the built program and `kubectl drain`
 * drain it in turn, and shows what each of them took. It measures; it judges nothing.
 */
/** Runs of each contender that change nothing. */
const REHEARSALS = 5;

const kubeconfig = process.env['KUBECONFIG'] ?? '';
const options = readOptionsOrExit();
if (kubeconfig === '') exit('KUBECONFIG does not say which cluster: export KUBECONFIG=FILE');

const cluster = await openCluster(kubeconfig, options.node);
const contenders = await contendersOf(options);
const place: Place = { cluster, out: options.out, auditLog: auditLogOf(process.env, kubeconfig) };
await mkdir(options.out, { recursive: true });
tell(`node ${cluster.target}; requests are counted by ${place.auditLog ?? "the worker's own counter only"}`);
if (cluster.runsContainers) {
  tell('its kubelet runs containers: these take their own time to be ready and to end, so every floor is a little low');
}

const firstAnswersMs: number[] = [];
for (const contender of contenders) {
  // The first one fills caches.
  await rehearse(contender, place);
  for (let run = 0; run < REHEARSALS; run++) {
    const firstAnswerMs = await rehearse(contender, place);
    if (firstAnswerMs !== undefined) firstAnswersMs.push(firstAnswerMs);
  }
}
const all: ScenarioResults[] = [];
for (const scenario of scenarios(options)) {
  if (options.only.length > 0 && !options.only.includes(scenario.name)) continue;
  all.push(await play(fitted(scenario, cluster.room)));
}
await writeFile(join(options.out, 'results.json'), asJson());
if (options.json) process.stdout.write(asJson());
else process.stdout.write(`${table(all)}\n\n${goalsText()}\n\nCharts and logs are in ${options.out}/\n`);

async function play(scenario: Scenario): Promise<ScenarioResults> {
  tell(scenario.title);
  const { surroundings: size } = scenario;
  const surroundings = size === undefined ? undefined : await Surroundings.make(cluster, size);
  if (size !== undefined) tell(`  surrounded by ${size.pods} pods on ${size.nodes} nodes`);
  try {
    const results: Result[] = [];
    for (const contender of contenders) {
      if (scenario.contenders === 'worker' && contender.name !== 'worker') continue;
      const figures = await middleRun(contender, scenario);
      if (figures !== undefined) results.push({ contender: contender.name, title: contender.title, figures });
    }
    const floorSeconds = floorMs(scenario) / 1000;
    await writeFile(join(options.out, `${scenario.name}.svg`), chartOf(scenario, floorSeconds, results));
    return { scenario, floorSeconds, results };
  } finally {
    await surroundings?.remove();
  }
}

async function middleRun(contender: Contender, scenario: Scenario): Promise<Figures | undefined> {
  const runs: Figures[] = [];
  for (let run = 1; run <= options.runs; run++) {
    const figures = await measure(contender, scenario, place);
    tell(`  ${contender.title}: ${figures.seconds.toFixed(2)} s`);
    runs.push(figures);
  }
  return middle(runs);
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
  const goals = goalsOf(all, firstAnswersMs).map(({ goal, reached, met }) => [goal, reached, met ? 'yes' : 'no']);
  return markdown([['goal of the worker', 'reached', 'met'], ...goals]);
}

function asJson(): string {
  return `${JSON.stringify({ runsContainers: cluster.runsContainers, scenarios: all, goals: goalsOf(all, firstAnswersMs) }, undefined, 2)}\n`;
}

async function contendersOf({ contenders: wanted, out }: Options): Promise<Contender[]> {
  const drainer = process.env['DRAINER_KUBECONFIG'] || kubeconfig;
  const there = [worker(drainer, join(out, 'compile-cache')), await kubectl(kubeconfig)];
  return there
    .filter((contender) => contender !== undefined)
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

function readOptionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    exit(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

function exit(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(64);
}

function tell(words: string): void {
  process.stderr.write(`${words}\n`);
}
