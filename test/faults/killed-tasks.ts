import { setTimeout as pause } from 'node:timers/promises';
import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { deployDrainer } from './stack.ts';

const KILL_EVERY_MS = 60_000;
const KILLED_FOR_MS = 390_000;
/** One instance is not started more than once in 5 minutes, however it fails; the sweep is a second late at most. */
const MIN_START_INTERVAL_MS = 295_000;

/** Something kills every task of a drain after a minute: a memory limit, a host, a person. In real time. */
export const killedTasks: FaultScenario = {
  name: 'every task of one drain is killed after a minute, for 6.5 minutes, while a budget blocks it',
  busy: false,
  async run(): Promise<FaultResult> {
    await using fixture = await FaultEnvironment.open({ podsPerNode: 5, heartbeatTimeout: 600 });
    const { aws, fargate, instances } = fixture;
    deployDrainer(fixture, 60_000);
    const unblock = await fixture.block();
    const startedAt = Date.now();
    const [instance = ''] = instances;
    aws.terminateInstance(instance);
    const schedules = aws.startSchedules({ everyMs: 60_000 });
    let kills = 0;
    while (Date.now() - startedAt < KILLED_FOR_MS) {
      await pause(KILL_EVERY_MS);
      for (const program of fargate.tasks) {
        if (program.lines[0]?.event !== 'run started' || program.hasEnded) continue;
        program.kill('SIGKILL');
        kills++;
      }
    }
    await unblock();
    while (aws.lifecycleActions(instance).some(({ state }) => state === 'pending')) await pause(100);
    schedules.stop();
    const tookMs = Date.now() - startedAt;
    await fargate.allEnded();
    const starts = aws.tasks.filter(({ command }) => command?.[0] !== 'sweep').map(({ createdAt }) => createdAt);
    const shortest = Math.min(...starts.slice(1).map((at, index) => at - (starts[index] ?? at)));
    const problems = [
      ...(kills < 2 ? [`only ${kills} tasks were killed`] : []),
      ...(shortest < MIN_START_INTERVAL_MS ? [`two tasks were started within ${seconds(shortest)}`] : []),
    ];
    const figures = `${kills} tasks killed, ${starts.length} drains and ${aws.tasks.length - starts.length} sweeps started, ${seconds(shortest)} between two drains at least, ${seconds(tookMs)}`;
    return await resultOf(fixture, figures, problems);
  },
};
