import { ManualClock } from '../../support/clock.ts';
import type { Scenario } from './scenario.ts';
import { type TaskLife, Tasks } from './tasks.ts';
import { type Harm, type Reason, Witness } from './witness.ts';
import { type Death, World } from './world.ts';

export type WalkResult = {
  readonly harm: readonly Harm[];
  readonly reasons: ReadonlyMap<Reason, number>;
  readonly death: Death | undefined;
  readonly tasks: readonly TaskLife[];
  readonly world: World;
};

/** How long the world is looked at after the instance and the last task have ended. */
const AFTERWARDS_MS = 120_000;
/** A run whose action is over learns so from its next heartbeat, and may have calls in flight. Before it has reached the cluster, none is sent. */
const ENDS_WITHIN_MS = 120_000;

/** Lives a scenario from the start of the lifecycle action until nothing of it is left, and judges what happened. */
export async function walk(scenario: Scenario): Promise<WalkResult> {
  const clock = new ManualClock();
  const world = new World(scenario, clock);
  const tasks = new Tasks(world);
  const endless: Harm[] = [];
  const over = Promise.withResolvers<void>();
  const mayConnectMs = () =>
    Math.max(...tasks.all.map(({ startedAt }) => startedAt + scenario.config.connectTimeoutMs * 3 - world.now));
  world.onDeath(() => {
    const needsMs = scenario.faults.length === 0 ? 0 : Math.max(0, mayConnectMs());
    world.after(scenario.heartbeatTimeoutMs / 3 + ENDS_WITHIN_MS + needsMs, () => {
      for (const { task } of tasks.all.filter(({ endedAt, killed }) => endedAt === undefined && !killed))
        endless.push({ kind: 'never ends', text: `task ${task} still runs after the instance has died` });
      world.after(AFTERWARDS_MS, over.resolve);
    });
  });
  try {
    await clock.until(over.promise, scenario.lifeMs * 2 + 6 * 3_600_000);
  } catch (error) {
    endless.push({ kind: 'never ends', text: String(error) });
  }
  world.end();
  await clock.settle();
  const witness = new Witness(world, tasks.all);
  witness.judge();
  return { harm: [...endless, ...witness.harm], reasons: witness.reasons, death: world.death, tasks: tasks.all, world };
}
