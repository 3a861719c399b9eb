import { share, spread } from '../simulator/aws/eventbridge/event-faults.ts';
import { FaultEnvironment } from './fault-environment.ts';
import { resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { deployDrainer, drainAll } from './stack.ts';

const TERMINATIONS = 200;
const SEED = 7;
/** A probe each minute, six times faster. */
const SWEEP_EVERY_MS = 10_000;

/** EventBridge delivers at least once and in no order, and Auto Scaling sends its events on a best-effort basis. */
export const unreliableEvents: FaultScenario = {
  name: `${TERMINATIONS} terminations; 10 % of the events lost, 10 % duplicated, all up to 5 s late and out of order`,
  busy: true,
  async run(): Promise<FaultResult> {
    await using fixture = await FaultEnvironment.open({
      nodes: TERMINATIONS,
      podsPerNode: 2,
      maxRunningTasks: 6,
      heartbeatTimeout: 1_800,
    });
    deployDrainer(fixture, SWEEP_EVERY_MS);
    let lostCount = 0;
    const isLost = share(0.1, SEED);
    fixture.aws.eventFaults({
      lose: (event, n) => {
        if (event['detail-type'] !== 'EC2 Instance-terminate Lifecycle Action' || !isLost(event, n)) return false;
        lostCount++;
        return true;
      },
      duplicate: share(0.1, SEED + 1),
      delayMs: spread(5_000, SEED + 2),
    });
    const { tookMs, bySweeps } = await drainAll(fixture, SWEEP_EVERY_MS);
    const figures = `${lostCount} events lost, ${fixture.aws.tasks.length} tasks, ${bySweeps} of them started by sweeps (one every ${seconds(SWEEP_EVERY_MS)}), finished in ${seconds(tookMs)}`;
    return await resultOf(fixture, figures, lostCount === 0 ? ['no event was lost'] : []);
  },
};
