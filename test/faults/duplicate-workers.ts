import { GROUP } from '../process/account.ts';
import { FaultEnvironment } from './fault-environment.ts';
import { evictedTwice, resultOf, seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';

/** A duplicate event starts two workers on one node, here at the same time. */
export const duplicateWorkers: FaultScenario = {
  name: 'two workers started at the same time on one node of 100 pods',
  busy: false,
  async run(): Promise<FaultResult> {
    await using fixture = await FaultEnvironment.open({ podsPerNode: 100, shutdownMs: 2_000 });
    const [instance = ''] = fixture.instances;
    const startedAt = Date.now();
    const workers = [
      fixture.drain(instance),
      fixture.start('drain', { INSTANCE_ID: instance, AUTO_SCALING_GROUP_NAME: GROUP }),
    ];
    const ended = await Promise.all(workers.map((worker) => worker.ended()));
    const codes = ended.map(({ code }) => code);
    const figures = `${seconds(Date.now() - startedAt)}, exit codes ${codes.join(' and ')}, ${evictedTwice(fixture)} pods evicted by both (the second eviction changes nothing)`;
    return await resultOf(fixture, figures, codes.every((code) => code === 0) ? [] : ['a worker failed']);
  },
};
