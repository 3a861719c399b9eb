import { join } from 'node:path';
import { audited, sizeOf } from './audit-log.ts';
import type { Cluster } from './cluster.ts';
import type { Contender } from './contender.ts';
import { allowedToSent, type Figures, timelineOf } from './figures.ts';
import { runToEnd } from './process.ts';
import type { Scenario } from './scenario.ts';
import { Stage } from './stage.ts';
import { Witness } from './witness.ts';
import { readWorkerLog } from './worker-log.ts';

const MEGABYTE = 2 ** 20;
/** The drainer may hear that the last pod is gone a little sooner than we do. */
const LATE_NEWS_MS = 1_000;

export type Place = {
  readonly cluster: Cluster;
  /** The folder of the logs. */
  readonly out: string;
  readonly auditLog: string | undefined;
};

/** Fills the node, lets the contender drain it, and tidies up. */
export async function measure(contender: Contender, scenario: Scenario, place: Place): Promise<Figures> {
  const stage = await Stage.set(place.cluster, scenario);
  try {
    return await drainAndMeasure(contender, scenario, stage, place);
  } finally {
    await stage.strike();
  }
}

async function drainAndMeasure(
  contender: Contender,
  scenario: Scenario,
  stage: Stage,
  { cluster, out, auditLog }: Place,
): Promise<Figures> {
  const witness = await Witness.start(cluster, stage.namespace);
  const log = join(out, `${scenario.name}-${contender.name}.log`);
  const auditedFrom = auditLog === undefined ? 0 : await sizeOf(auditLog);
  const ended = await runToEnd(contender.file, contender.args(cluster.target), contender.environment, log);
  await witness.stop(LATE_NEWS_MS);

  const said = contender.name === 'worker' ? await readWorkerLog(log) : undefined;
  const heard = auditLog === undefined ? undefined : await audited(auditLog, auditedFrom, contender.userAgent);
  const evictions = heard?.evictions ?? said?.evictions;
  const { sightings, budgetChanges } = witness;
  const lastGoneAt = sightings.find(({ left }) => left === 0)?.at;
  const { startedAt, endedAt, exitCode, peakBytes } = ended;
  return {
    seconds: (endedAt - startedAt) / 1000,
    exitCode,
    leftBehind: await stage.leftBehind(),
    timeline: timelineOf(sightings, startedAt),
    audited: heard?.requests,
    counted: said?.requests,
    refused: evictions?.filter(({ refused }) => refused).length,
    peakMegabytes: peakBytes === undefined ? undefined : peakBytes / MEGABYTE,
    firstAnswerMs: since(startedAt, said?.connectedAt ?? heard?.firstAnswerAt),
    allowedToSentMs: evictions === undefined ? undefined : allowedToSent(budgetChanges, evictions),
    lastGoneToDoneMs: lastGoneAt === undefined ? undefined : since(lastGoneAt, said?.doneAt ?? endedAt),
  };
}

function since(from: number, to: number | undefined): number | undefined {
  return to === undefined ? undefined : Math.max(0, to - from);
}

/**
 * Lets the contender do everything but change something, while the cluster is calm.
 * @returns milliseconds from its start to the first answer, if it says so
 */
export async function rehearse(contender: Contender, { cluster, out }: Place): Promise<number | undefined> {
  const args = [...contender.args(cluster.target), contender.rehearsal];
  const log = join(out, `rehearsal-${contender.name}.log`);
  const { exitCode, startedAt } = await runToEnd(contender.file, args, contender.environment, log);
  if (exitCode !== 0) throw new Error(`${contender.title} cannot drain ${cluster.target}: see ${log}`);
  return contender.name === 'worker' ? since(startedAt, (await readWorkerLog(log)).connectedAt) : undefined;
}
