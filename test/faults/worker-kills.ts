import { setTimeout as pause } from 'node:timers/promises';
import { each } from '../support/each.ts';
import { Seeded } from '../support/seeded.ts';
import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

const KILLS = 50;
/** About the length of one drain here, so that the kills hit every stage of it. */
const WITHIN_MS = 3_000;
const CONCURRENCY = 4;

/** A worker is killed, and only the next sweep replaces it. */
export const workerKills: FaultScenario = {
  name: `kill -9 of the worker at ${KILLS} random moments, a sweep after each`,
  busy: true,
  run: killAndSweep,
};

async function killAndSweep(): Promise<FaultResult> {
  await using fixture = await FaultEnvironment.open({ nodes: KILLS, podsPerNode: 3, shutdownMs: 1_000 });
  const random = new Seeded(20_260_301);
  const moments = fixture.instances.map((instance) => ({ instance, atMs: random.whole(WITHIN_MS) }));
  const startedAt = Date.now();
  let killed = 0;
  await each(moments, CONCURRENCY, async ({ instance, atMs }) => {
    const worker = fixture.drain(instance);
    await pause(atMs);
    worker.kill('SIGKILL');
    if ((await worker.ended()).code === null) killed++;
    await fixture.start('sweep').ended();
  });
  await fixture.fargate.allEnded();
  const successors = fixture.fargate.tasks.length;
  const figures = `${killed} killed before the end of their drain, ${successors} tasks started by sweeps, ${seconds(Date.now() - startedAt)}`;
  return await resultOf(fixture, figures);
}
