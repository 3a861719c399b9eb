import { setTimeout as pause } from 'node:timers/promises';
import { each } from '../support/each.ts';
import { Seeded } from '../support/seeded.ts';
import { Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { seconds, verdictOf } from './verdict.ts';

const KILLS = 50;
/** About as long as the drain of one of these nodes takes: from nothing done to all done. */
const WITHIN_MS = 3_000;
const AT_ONCE = 4;

/** A worker is killed, and nobody replaces it but the sweep after it. */
export const kills: FaultScenario = {
  name: `kill -9 of the worker at ${KILLS} random moments, a sweep after each`,
  busy: true,
  run: killAndSweep,
};

async function killAndSweep(): Promise<Figure> {
  await using town = await Town.open({ nodes: KILLS, podsPerNode: 3, shutdownMs: 1_000 });
  const random = new Seeded(20_260_301);
  const moments = town.instances.map((instance) => ({ instance, atMs: random.whole(WITHIN_MS) }));
  const startedAt = Date.now();
  let killed = 0;
  await each(moments, AT_ONCE, async ({ instance, atMs }) => {
    const worker = town.drain(instance);
    await pause(atMs);
    worker.kill('SIGKILL');
    if ((await worker.ended()).code === null) killed++;
    await town.start('sweep').ended();
  });
  await town.fargate.allEnded();
  const successors = town.fargate.tasks.length;
  const told = `${killed} killed before they were done, ${successors} tasks started by sweeps, ${seconds(Date.now() - startedAt)}`;
  return await verdictOf(town, told);
}
