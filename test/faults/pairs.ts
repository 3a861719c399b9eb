import { GROUP } from '../process/account.ts';
import { Town } from './fault-environment.ts';
import type { FaultScenario, Figure } from './scenario.ts';
import { evictedTwice, seconds, verdictOf } from './verdict.ts';

/** A double event starts two workers on one node, here in the same instant. */
export const pairs: FaultScenario = {
  name: 'two workers on one node of 100 pods, started in the same instant',
  busy: false,
  async run(): Promise<Figure> {
    await using town = await Town.open({ podsPerNode: 100, shutdownMs: 2_000 });
    const [instance = ''] = town.instances;
    const startedAt = Date.now();
    const workers = [
      town.drain(instance),
      town.start('drain', { INSTANCE_ID: instance, AUTO_SCALING_GROUP_NAME: GROUP }),
    ];
    const ended = await Promise.all(workers.map((worker) => worker.ended()));
    const codes = ended.map(({ code }) => code);
    const told = `${seconds(Date.now() - startedAt)}, exit codes ${codes.join(' and ')}, ${evictedTwice(town)} pods asked by both (the second time changes nothing)`;
    return await verdictOf(town, told, codes.every((code) => code === 0) ? [] : ['one ended with an error']);
  },
};
