import { REQUIRED } from '../infra/templates.ts';
import { Region } from './region.ts';
import { seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { deployStack } from './stack.ts';

const CLUSTERS = 10;
const TERMINATIONS = Number(process.env['FAULTS_TERMINATIONS'] ?? 1_000);
/** Time runs ten times faster: refusals last one minute instead of ten, and the probe looks every six seconds instead of every minute. */
const SPEED_UP = 10;
const REFUSED_FOR_MS = 600_000 / SPEED_UP;
const PROBE_EVERY_MS = 60_000 / SPEED_UP;

/** All instances of a region terminate at the same time: ECS throttles RunTask, and Fargate has capacity for half of the tasks. */
export const massTermination: FaultScenario = {
  name: `${TERMINATIONS.toLocaleString('en-US')} terminations at once in ${CLUSTERS} clusters, through one stack; RunTask throttled at 20 a second, half of its calls refused for 10 minutes (${SPEED_UP} times faster)`,
  busy: true,
  async run(): Promise<FaultResult> {
    await using region = await Region.open({
      clusters: CLUSTERS,
      nodesPerCluster: TERMINATIONS / CLUSTERS,
      maxRunningTasks: 8,
      aws: { retryTimeScale: SPEED_UP },
    });
    const { aws } = region;
    deployStack(aws, PROBE_EVERY_MS, { ...REQUIRED, ClusterName: '*' });
    aws.limitRunTask({ perSecond: 20, burst: 20 });
    const refusals = aws.refuseTasks(
      { reason: "You've reached the limit on the number of vCPUs you can run concurrently" },
      { every: 2 },
    );
    setTimeout(() => refusals.end(), REFUSED_FOR_MS);
    const tookMs = await region.terminateAll(PROBE_EVERY_MS);
    const bySweeps = aws.tasks.filter(({ startedBy }) => startedBy === 'sweep').length;
    const figures = [
      `finished in ${seconds(tookMs)}`,
      `${aws.tasks.length} tasks`,
      `${bySweeps} started by sweeps`,
      `${aws.deadLetters.length} dead letters`,
    ].join(', ');
    return await region.result(figures);
  },
};
