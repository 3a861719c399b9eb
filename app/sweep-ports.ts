import { autoScaling } from './aws/auto-scaling.ts';
import { clustersOf } from './aws/instance.ts';
import { tasksAt } from './aws/tasks.ts';
import { waitingInstances } from './aws/waiting-instances.ts';
import type { SweepPorts } from './sweep.ts';
import type { SweepConfig } from './sweep-config.ts';

/** The outside world of a sweep. */
export function sweepPorts({ region, place, hook, groupPrefix }: SweepConfig): SweepPorts {
  return {
    waiting: (signal) => waitingInstances(region, groupPrefix, signal),
    async hasHook(group, signal) {
      const hooks = await (await autoScaling(region)).terminatingHooks(group, '', { hook }, signal);
      return hooks.length > 0;
    },
    drained: async (signal) => (await tasksAt(place, region)).instances(signal),
    clustersOf: (instanceIds, signal) => clustersOf(instanceIds, region, signal),
    start: async (task, clientToken, signal) =>
      (await tasksAt(place, region)).start(task, 'sweep', clientToken, signal),
  };
}
