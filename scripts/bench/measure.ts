import { join } from 'node:path';
import { readAuditLog, sizeOf } from './audit-log.ts';
import type { Cluster } from './cluster.ts';
import type { Contender } from './contender.ts';
import { type CpuLimit, limitCpus } from './cpu-limit.ts';
import { allowedToSent, type Figures, timelineOf } from './figures.ts';
import { runToEnd } from './process.ts';
import type { Scenario } from './scenario.ts';
import { Witness } from './witness.ts';
import { readWorkerLog } from './worker-log.ts';
import { Workload } from './workload.ts';

const MEGABYTE = 2 ** 20;
/** The watch of the drainer may see the end of the last pod slightly before the watch of the benchmark. */
const WATCH_DELAY_MS = 1_000;

/** The cluster and the files of a benchmark. */
export type Bench = {
  readonly cluster: Cluster;
  /** The folder for the logs. */
  readonly out: string;
  readonly auditLog: string | undefined;
};

/**
 * Fills the node, measures how the contender drains it, and cleans up.
 * @returns undefined where the CPU time of a program cannot be limited as the scenario wants it
 */
export async function measure(contender: Contender, scenario: Scenario, bench: Bench): Promise<Figures | undefined> {
  await using limit = scenario.vcpus === undefined ? undefined : await limitCpus(scenario.vcpus);
  if (scenario.vcpus !== undefined && limit === undefined) return undefined;
  const workload = await Workload.deploy(bench.cluster, scenario);
  try {
    return await drainAndMeasure(contender, scenario, workload, limit, bench);
  } finally {
    await workload.remove();
  }
}

async function drainAndMeasure(
  contender: Contender,
  scenario: Scenario,
  workload: Workload,
  limit: CpuLimit | undefined,
  { cluster, out, auditLog }: Bench,
): Promise<Figures> {
  const witness = await Witness.start(cluster, workload.namespace);
  const log = join(out, `${scenario.name}-${contender.name}.log`);
  const auditOffset = auditLog === undefined ? 0 : await sizeOf(auditLog);
  const environment = { ...contender.environment, UNBUDGETED: scenario.unbudgeted };
  const args = contender.args(cluster.target);
  const command = limit?.command(contender.file, args) ?? { file: contender.file, args };
  const ended = await runToEnd(command.file, command.args, environment, log);
  await witness.stop(WATCH_DELAY_MS);

  const ownLog = contender.name === 'worker' ? await readWorkerLog(log) : undefined;
  const audit = auditLog === undefined ? undefined : await readAuditLog(auditLog, auditOffset, contender.userAgent);
  const evictions = audit?.evictions ?? ownLog?.evictions;
  const { podCounts, budgetChanges } = witness;
  const lastGoneAt = podCounts.find(({ pods }) => pods === 0)?.at;
  const { startedAt, endedAt, exitCode, peakBytes } = ended;
  return {
    seconds: (endedAt - startedAt) / 1000,
    exitCode,
    remainingPods: await workload.remainingPods(),
    timeline: timelineOf(podCounts, startedAt),
    audited: audit?.requests,
    counted: ownLog?.requests,
    refused: evictions?.filter(({ refused }) => refused).length,
    peakMegabytes: peakBytes === undefined ? undefined : peakBytes / MEGABYTE,
    firstResponseMs: elapsedMs(startedAt, ownLog?.connectedAt ?? audit?.firstResponseAt),
    allowedToSentMs: evictions === undefined ? undefined : allowedToSent(budgetChanges, evictions),
    lastGoneToDoneMs: lastGoneAt === undefined ? undefined : elapsedMs(lastGoneAt, ownLog?.doneAt ?? endedAt),
  };
}

function elapsedMs(from: number, to: number | undefined): number | undefined {
  return to === undefined ? undefined : Math.max(0, to - from);
}

/**
 * Runs the contender without changes, on an idle cluster.
 * @returns milliseconds from its start to the first response; undefined if it does not log that
 */
export async function dryRun(contender: Contender, { cluster, out }: Bench): Promise<number | undefined> {
  const args = [...contender.args(cluster.target), contender.dryRunFlag];
  const log = join(out, `dry-run-${contender.name}.log`);
  const { exitCode, startedAt } = await runToEnd(contender.file, args, contender.environment, log);
  if (exitCode !== 0) throw new Error(`the dry run of ${contender.title} on ${cluster.target} failed: see ${log}`);
  return contender.name === 'worker' ? elapsedMs(startedAt, (await readWorkerLog(log)).connectedAt) : undefined;
}
