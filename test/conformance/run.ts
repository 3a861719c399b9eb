import { readFile, writeFile } from 'node:fs/promises';
import { VersionApi } from '@kubernetes/client-node';
import * as v from 'valibot';
import { workers } from '../cluster/nodes.ts';
import { isSimulated, type TestCluster } from '../cluster/test-cluster.ts';
import { type Adapter, custom, deleteAll, kubectl, ours } from './adapters.ts';
import { type ConformanceCluster, grantRights, openCluster, runsContainers } from './cluster.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { perform, whyNotRun } from './perform.ts';
import { type Column, merged, type Outcome, Results, type Run } from './result.ts';
import type { ConformanceScenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';
import { table } from './table.ts';

/**
 * `npm run conformance`: runs every scenario with every drainer, and prints what became of the pods. Exits with 1 when the suite
 * itself failed, or with `--check FILE` when our own drainer failed a scenario that it passes in those results.
 */

type Job = { readonly scenario: ConformanceScenario; readonly adapter: Adapter };

const options = readOptionsOrExit();
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());

const { adapters, absent } = await adaptersOf(options);
const chosen = scenarios.filter(({ id }) => options.only.length === 0 || options.only.includes(id));
const outcomes = new Map<string, Map<string, Outcome>>(adapters.map(({ name }) => [name, new Map()]));
const where = await (isSimulated ? runOnSimulators() : runOnCluster());
const run: Run = {
  cluster: where,
  columns: adapters.map(({ name, title }) => ({
    drainer: name,
    title,
    results: Object.fromEntries(
      chosen.flatMap(({ id }) => {
        const outcome = outcomes.get(name)?.get(id);
        return outcome === undefined ? [] : [[id, outcome]];
      }),
    ),
  })),
};
const shown: Run = { ...run, columns: [...run.columns, ...absent.map(notRun)] };
process.stdout.write(options.json ? `${JSON.stringify(shown, undefined, 2)}\n` : `${table(shown)}\n`);
const regressions = options.check === undefined ? [] : worse(await resultsIn(options.check), run);
for (const id of regressions)
  log(`scenario ${id}: fargate-node-drainer passes it in ${options.check}, and has failed it now`);
if (options.out !== undefined) {
  const after = merged(await resultsIn(options.out), run);
  await writeFile(options.out, `${JSON.stringify(after, undefined, 2)}\n`);
}
if (interrupted.signal.aborted) process.exitCode = 130;
else if (regressions.length > 0 || run.columns.some(hasError)) process.exitCode = 1;

/** A file that does not exist yet has no runs. */
async function resultsIn(file: string): Promise<Results> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{"runs":[]}';
    throw error;
  });
  return v.parse(Results, JSON.parse(text));
}

function worse({ runs }: Results, { cluster, columns }: Run): string[] {
  const isOurs = ({ drainer }: Column) => drainer === 'ours';
  const before = runs.find((each) => each.cluster === cluster)?.columns.find(isOurs)?.results ?? {};
  const now = columns.find(isOurs)?.results ?? {};
  return Object.keys(now).filter((id) => now[id]?.outcome === 'failed' && before[id]?.outcome === 'passed');
}

function hasError({ results }: Column): boolean {
  return Object.values(results).some(({ outcome }) => outcome === 'error');
}

/** Each run on a cluster of its own, several at a time: they mostly wait. The long ones first. */
async function runOnSimulators(): Promise<string> {
  const jobs = chosen
    .flatMap((scenario) => adapters.map((adapter) => ({ scenario, adapter })))
    .toSorted((a, b) => b.scenario.limitSeconds - a.scenario.limitSeconds);
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined && !interrupted.signal.aborted; job = jobs.shift()) {
      const opened = await openCluster();
      try {
        await grantRights(opened.cluster, job.adapter);
        await runJob(job, opened);
      } finally {
        await opened.cluster.close();
      }
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return 'simulator';
}

/** All on one cluster, one after the other. */
async function runOnCluster(): Promise<string> {
  const opened = await openCluster();
  try {
    for (const adapter of adapters) {
      const revoke = await grantRights(opened.cluster, adapter);
      try {
        for (const scenario of chosen) if (!interrupted.signal.aborted) await runJob({ scenario, adapter }, opened);
      } finally {
        await revoke();
      }
    }
    const [node = ''] = await workers(opened.cluster.admin);
    const nodes = (await runsContainers(opened.cluster, node)) ? ' with nodes that run containers' : '';
    return `API server ${await versionOf(opened.cluster)}${nodes}`;
  } finally {
    await opened.cluster.close();
  }
}

async function runJob({ scenario, adapter }: Job, opened: ConformanceCluster): Promise<void> {
  const why = whyNotRun(scenario, adapter, opened.cluster, options.slow);
  if (why !== undefined) {
    outcomes.get(adapter.name)?.set(scenario.id, { outcome: 'not run', why });
    return;
  }
  const startedAt = Date.now();
  const { outcome, output } = await perform(scenario, adapter, opened, interrupted.signal);
  if (interrupted.signal.aborted) return;
  outcomes.get(adapter.name)?.set(scenario.id, outcome);
  const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1);
  log(`${scenario.id} ${adapter.name} (${seconds} s): ${textOf(outcome)}`);
  if (options.verbose && outcome.outcome !== 'passed') log(output);
}

function textOf(outcome: Outcome): string {
  if (outcome.outcome === 'failed') return `✗ ${outcome.harm.join('; ')}`;
  return outcome.outcome === 'error' ? `the suite failed: ${outcome.error}` : '✓';
}

async function versionOf({ admin }: TestCluster): Promise<string> {
  return (await admin.config.makeApiClient(VersionApi).getCode()).gitVersion;
}

type Absent = { readonly name: string; readonly why: string };

async function adaptersOf({ drainer, columns }: Options): Promise<{ adapters: Adapter[]; absent: Absent[] }> {
  if (drainer !== undefined) return { adapters: [custom(drainer)], absent: [] };
  const isWanted = ({ name }: { readonly name: string }) => columns.length === 0 || columns.includes(name);
  const found = await kubectl();
  const adapters = [ours(), ...(found === undefined ? [] : [found]), deleteAll()].filter(isWanted);
  const absent = found === undefined ? [{ name: 'kubectl', why: 'kubectl is not on PATH' }].filter(isWanted) : [];
  for (const { why } of absent) log(`${why}: its column is not run`);
  return { adapters, absent };
}

function notRun({ name, why }: Absent): Column {
  return {
    drainer: name,
    title: `${name} (not run)`,
    results: Object.fromEntries(chosen.map(({ id }) => [id, { outcome: 'not run', why }])),
  };
}

function readOptionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(64);
  }
}

function log(text: string): void {
  process.stderr.write(`${text}\n`);
}
