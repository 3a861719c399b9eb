import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { deployDrainer, drainAll } from './stack.ts';

const TERMINATIONS = 200;
/** Time runs ten times faster. */
const SPEED_UP = 10;
const REFUSED_FOR_MS = 600_000 / SPEED_UP;
const PROBE_EVERY_MS = 60_000 / SPEED_UP;

/**
 * Fargate has no capacity in any zone: RunTask starts nothing for ten minutes, not even a sweep, and EventBridge does not retry
 * such a refusal. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
 */
export const refusedTasks: FaultScenario = {
  name: `${TERMINATIONS} terminations while RunTask is refused for capacity for 10 minutes (${SPEED_UP} times faster)`,
  busy: true,
  async run(): Promise<FaultResult> {
    await using fixture = await FaultEnvironment.open({
      nodes: TERMINATIONS,
      podsPerNode: 2,
      maxRunningTasks: 8,
      heartbeatTimeout: 1_800,
      aws: { retryTimeScale: SPEED_UP },
    });
    deployDrainer(fixture, PROBE_EVERY_MS);
    const refusedAt = Date.now();
    let endedAt = refusedAt;
    const refusals = fixture.aws.refuseTasks({ reason: 'Capacity is unavailable at this time' });
    setTimeout(() => {
      refusals.end();
      endedAt = Date.now();
    }, REFUSED_FOR_MS);
    const { tookMs, bySweeps } = await drainAll(fixture, PROBE_EVERY_MS);
    const first = Math.min(...fixture.aws.tasks.map(({ createdAt }) => createdAt));
    const figures = [
      `the first task ${seconds(first - endedAt)} after the refusals ended`,
      `${fixture.aws.tasks.length} tasks, ${bySweeps} started by sweeps`,
      `${fixture.aws.deadLetters.length} dead letters`,
      `finished in ${seconds(tookMs)}`,
    ].join(', ');
    const problems = first < endedAt ? ['no task was refused'] : [];
    return await resultOf(fixture, figures, problems);
  },
};
