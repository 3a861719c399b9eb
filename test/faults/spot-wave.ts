import { setTimeout as pause } from 'node:timers/promises';
import { REQUIRED } from '../infra/templates.ts';
import { harmText } from '../witness/harm.ts';
import { CLUSTER, FaultEnvironment } from './fault-environment.ts';
import { seconds } from './result.ts';
import type { FaultResult, FaultScenario } from './scenario.ts';
import { deployEc2Events, deployStack } from './stack.ts';

const INSTANCES = 100;

/** EC2 reclaims the Spot instances of a whole pool with its notice of two minutes; their group has no part in it. In real time. */
export const spotWave: FaultScenario = {
  name: `${INSTANCES} Spot instances are interrupted at once, with a notice of two minutes`,
  busy: true,
  async run(): Promise<FaultResult> {
    await using fixture = await FaultEnvironment.open({
      nodes: INSTANCES,
      podsPerNode: 3,
      maxRunningTasks: 8,
      eks: true,
    });
    const { aws, fargate, instances } = fixture;
    for (const instance of instances) aws.tagInstance(instance, { 'eks:cluster-name': CLUSTER });
    deployStack(aws, 60_000, { ...REQUIRED, ClusterName: CLUSTER });
    deployEc2Events(aws, { SpotInterruptions: 'drain' });
    aws.limitRunTask({ perSecond: 20, burst: 20 });
    let ended = 0;
    aws.onInstanceEnd(() => void ended++);
    const startedAt = Date.now();
    for (const instance of instances) aws.interruptSpot(instance);
    while ((await fixture.remainingPods()).length > 0 && ended === 0) await pause(250);
    const tookMs = Date.now() - startedAt;
    while (ended < INSTANCES) await pause(250);
    const programs = await fargate.allEnded();
    const failed = programs.filter(({ code }) => code !== 0).length;
    const harm = harmText(await fixture.witness.harm());
    return {
      nodes: INSTANCES,
      drained: ended,
      harm,
      figures: `the last pod had left after ${seconds(tookMs)}, ${aws.tasks.length} tasks`,
      problems: failed === 0 ? [] : [`${failed} tasks failed`],
      programs,
    };
  },
};
