import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Admin } from '../../test/cluster/admin.ts';
import { Load } from '../../test/nodes/load.ts';
import type { Drainer } from './drainer.ts';
import type { Measured } from './figures.ts';
import { floorOf, lastAskedAt, PodTimes } from './pod-times.ts';
import type { Scenario } from './scenario.ts';
import { Stage } from './stage.ts';

export const REQUESTS_PER_SECOND = 200;

/** Load before the drain, and after it: proxies may still send requests to what is gone. */
const LEAD_MS = 2_000;
const TAIL_MS = 3_000;
/** A load balancer takes longer than that to find out that a target is dead, and sends requests to it meanwhile. */
const BALANCER_TAIL_MS = 35_000;
/** After a power cut the pods of the deleted node are collected in rounds. */
const RECOVERED_WITHIN_MS = 300_000;

export type Setup = {
  readonly admin: Admin;
  readonly workers: readonly string[];
  readonly deregistrationSeconds: number;
  /** The folder for logs. */
  readonly out: string;
};

/** Drains the nodes of the scenario under load, and puts everything back. @throws when the application does not start or recover */
export async function measure(drainer: Drainer, scenario: Scenario, setup: Setup): Promise<Measured> {
  const { admin, workers, deregistrationSeconds, out } = setup;
  const stage = await Stage.open(admin, scenario, workers, deregistrationSeconds);
  const { targets, namespace, url } = stage;
  const times = new PodTimes(admin, namespace, targets);
  const load = new Load(url, REQUESTS_PER_SECOND);
  try {
    await pause(LEAD_MS);
    const startedAt = Date.now();
    if (drainer.isPowerCut) for (const node of targets) stage.instanceEnds(node);
    const endings = await Promise.all(
      targets.map(async (node) => {
        const ending = await drainer.drain(node, scenario, join(out, `${scenario.name}-${drainer.name}-${node}.log`));
        if (ending.ended) stage.instanceEnds(node);
        return ending;
      }),
    );
    let endedAt = Date.now();
    const ended = endings.every((ending) => ending.ended);
    const failed = endings.find(({ exitCode }) => ended && exitCode !== 0 && exitCode !== null);
    if (failed !== undefined) throw new Error(`${drainer.title} failed with exit code ${failed.exitCode}: see ${out}/`);
    if (ended) await stage.recovered(RECOVERED_WITHIN_MS);
    if (drainer.isPowerCut) endedAt = Date.now();
    if (ended) await pause(scenario.through === 'load balancer' ? BALANCER_TAIL_MS : TAIL_MS);
    const toSecond = Math.ceil((Date.now() - startedAt) / 1_000);
    const { sent, failed: failures, failedAt, p99Ms } = await load.stop();
    const podTimes = times.stop();
    const floorSeconds = scenario.oneAfterAnother && drainer.name === 'ours' ? floorOf(podTimes) : undefined;
    const lastAt = drainer.isPowerCut ? undefined : lastAskedAt(podTimes);
    const lead = LEAD_MS / 1_000;
    return {
      kind: 'measured',
      sent,
      failed: failures,
      failedAt: Object.fromEntries(Object.entries(failedAt).map(([second, count]) => [Number(second) - lead, count])),
      fromSecond: -lead,
      toSecond,
      p99Ms,
      seconds: (endedAt - startedAt) / 1_000,
      lastAskedSeconds: lastAt === undefined ? undefined : (lastAt - startedAt) / 1_000,
      ended,
      pods: podTimes.filter(({ leaves }) => leaves).length,
      floorSeconds,
    };
  } finally {
    times.stop();
    await load.stop();
    if (drainer.isPowerCut) for (const node of targets) await drainer.restore(node);
    await stage.close();
  }
}
