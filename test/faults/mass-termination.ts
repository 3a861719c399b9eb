import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { deployDrainer, drainAll } from './stack.ts';

const TERMINATIONS = Number(process.env['FAULTS_TERMINATIONS'] ?? 1_000);
/** Time runs ten times faster: refusals last one minute instead of ten, and a sweep starts every 30 seconds instead of five minutes. */
const SPEED_UP = 10;
const REFUSED_FOR_MS = 600_000 / SPEED_UP;
const SWEEP_EVERY_MS = 300_000 / SPEED_UP;

/** All instances of a region terminate at the same time: ECS throttles RunTask, and Fargate has capacity for half of the tasks. */
export const massTermination: FaultScenario = {
  name: `${TERMINATIONS.toLocaleString('en-US')} terminations at once; RunTask throttled at 20 a second, half of its calls refused for 10 minutes (${SPEED_UP} times faster)`,
  busy: true,
  async run(): Promise<FaultResult> {
    const aws = { retryTimeScale: SPEED_UP };
    await using fixture = await FaultEnvironment.open({
      nodes: TERMINATIONS,
      podsPerNode: 1,
      heartbeatTimeout: 7_200,
      maxRunningTasks: 8,
      aws,
    });
    deployDrainer(fixture, SWEEP_EVERY_MS);
    fixture.aws.limitRunTask({ perSecond: 20, burst: 20 });
    const refusals = fixture.aws.refuseTasks(
      { reason: "You've reached the limit on the number of vCPUs you can run concurrently" },
      { every: 2 },
    );
    setTimeout(() => refusals.end(), REFUSED_FOR_MS);
    const { tookMs, bySweeps } = await drainAll(fixture, SWEEP_EVERY_MS);
    const calls = fixture.aws.requests.filter(({ action }) => action === 'ecs:RunTask').length;
    const figures = [
      `finished in ${seconds(tookMs)}`,
      `${fixture.aws.tasks.length} tasks`,
      `${bySweeps} started by sweeps with ${calls} RunTask calls`,
      `${fixture.aws.deadLetters.length} dead letters`,
    ].join(', ');
    return await resultOf(fixture, figures);
  },
};
