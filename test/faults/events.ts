import { share, spread } from '../simulator/aws/eventbridge/event-faults.ts';
import { Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { deployDrainer, drainAll } from './stack.ts';
import { seconds, verdictOf } from './verdict.ts';

const TERMINATIONS = 200;
const SEED = 7;
/** A sweep each five minutes, thirty times faster. */
const SWEEP_EVERY_MS = 10_000;

/** EventBridge promises at least one delivery, in no order, and Auto Scaling promises nothing. */
export const unreliableEvents: FaultScenario = {
  name: `${TERMINATIONS} terminations; of their events 10 % are lost, 10 % doubled, all up to 5 s late and out of order`,
  busy: true,
  async run(): Promise<Figure> {
    await using town = await Town.open({
      nodes: TERMINATIONS,
      podsPerNode: 2,
      tasksAtOnce: 6,
      heartbeatTimeout: 1_800,
    });
    deployDrainer(town);
    let lost = 0;
    const isLost = share(0.1, SEED);
    town.aws.eventFaults({
      lose: (event, n) => {
        if (event['detail-type'] !== 'EC2 Instance-terminate Lifecycle Action' || !isLost(event, n)) return false;
        lost++;
        return true;
      },
      duplicate: share(0.1, SEED + 1),
      delayMs: spread(5_000, SEED + 2),
    });
    const { tookMs, bySweeps } = await drainAll(town, SWEEP_EVERY_MS);
    const told = `${lost} events lost, ${town.aws.tasks.length} tasks, ${bySweeps} of them started by sweeps (one each ${seconds(SWEEP_EVERY_MS)}), all done in ${seconds(tookMs)}`;
    return await verdictOf(town, told, lost === 0 ? ['no event was lost'] : []);
  },
};
