import { Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { deployDrainer, drainAll } from './stack.ts';
import { seconds, verdictOf } from './verdict.ts';

const TERMINATIONS = Number(process.env['FAULTS_TERMINATIONS'] ?? 1_000);
/** Ten minutes of refusals and five between sweeps are one and a half here: time runs ten times faster. */
const FASTER = 10;
const REFUSED_FOR_MS = 600_000 / FASTER;
const SWEEP_EVERY_MS = 300_000 / FASTER;

/** A region's worth of instances goes at once: ECS throttles RunTask, and Fargate has no room for half of the tasks. */
export const thousand: FaultScenario = {
  name: `${TERMINATIONS.toLocaleString('en-US')} terminations at once; RunTask throttled at 20 a second, half of its calls refused for 10 minutes (${FASTER} times faster)`,
  busy: true,
  async run(): Promise<Figure> {
    const aws = { retryTimeScale: FASTER };
    await using town = await Town.open({
      nodes: TERMINATIONS,
      podsPerNode: 1,
      heartbeatTimeout: 7_200,
      tasksAtOnce: 8,
      aws,
    });
    deployDrainer(town);
    town.aws.limitRunTask({ perSecond: 20, burst: 20 });
    const full = town.aws.refuseTasks(
      { reason: "You've reached the limit on the number of vCPUs you can run concurrently" },
      { every: 2 },
    );
    setTimeout(() => full.end(), REFUSED_FOR_MS);
    const { tookMs, bySweeps } = await drainAll(town, SWEEP_EVERY_MS);
    const calls = town.aws.requests.filter(({ action }) => action === 'ecs:RunTask').length;
    const told = [
      `all done in ${seconds(tookMs)}`,
      `${town.aws.tasks.length} tasks`,
      `${bySweeps} started by sweeps with ${calls} RunTask calls`,
      `${town.aws.deadLetters.length} dead letters`,
    ].join(', ');
    return await verdictOf(town, told);
  },
};
