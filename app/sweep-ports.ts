import { autoScaling } from './aws/auto-scaling.ts';
import { describeInstances } from './aws/instance.ts';
import { tasksAt } from './aws/tasks.ts';
import { waitingInstances } from './aws/waiting-instances.ts';
import type { SweepConfig } from './config/sweep-config.ts';
import type { SweepPorts } from './sweep/sweep.ts';

/** The outside world of a sweep. */
export async function sweepPorts({ region, place, hook, groupPrefix }: SweepConfig): Promise<SweepPorts> {
  const [service, tasks] = await Promise.all([autoScaling(region), tasksAt(place, region)]);
  return {
    waiting: (signal) => waitingInstances(region, groupPrefix, signal),
    hasHook: (group, signal) => service.hasTerminatingHook(group, hook, signal),
    drained: (signal) => tasks.instances(signal),
    describe: (instanceIds, signal) => describeInstances(instanceIds, region, signal),
    start: (task, clientToken, signal) => tasks.start(task, 'sweep', clientToken, signal),
  };
}
