import type { SweepConfig } from '../../app/config/sweep-config.ts';
import { Failure } from '../../app/lib/errors.ts';
import type { DrainTask, StartResult } from '../../app/run/drain-task.ts';
import type { SweepPorts, WaitingInstance } from '../../app/sweep.ts';
import { runSweep } from '../../app/sweep.ts';
import { testContext } from './test-context.ts';

const CONFIG: SweepConfig = {
  region: 'eu-central-1',
  hook: 'node-drainer',
  groupPrefix: '',
  cluster: { kind: 'eks', name: 'prod', region: 'eu-central-1' },
  placement: {
    cluster: 'drains',
    taskDefinition: 'drainer',
    subnets: ['subnet-1'],
    securityGroups: ['sg-1'],
    assignPublicIp: 'DISABLED',
  },
  graceMs: 20_000,
  dryRun: false,
};

export const waits = (instanceId: string, group = 'workers'): WaitingInstance => ({ instanceId, group });

/** Auto Scaling, EC2 and ECS in memory, as far as a sweep knows them. */
export function sweeping() {
  const { clock, recorder, stop, context } = testContext();
  const drained = new Set<string>();
  const started: { task: DrainTask; token: string; at: number }[] = [];
  const facts = {
    waiting: [] as WaitingInstance[],
    hooked: ['workers'],
    clusters: new Map<string, string[]>(),
    ec2: undefined as Error | undefined,
    place: (_instance: string, _tries: number): StartResult | Error => ({ kind: 'started', task: 'task-1' }),
    look: undefined as Error | undefined,
  };
  const tries = new Map<string, number>();
  const ports: SweepPorts = {
    async waiting() {
      if (facts.look) throw facts.look;
      return { groups: 7, instances: facts.waiting };
    },
    async hasHook(group) {
      if (group === 'deleted') throw new Failure('AutoScalingGroup name not found');
      return facts.hooked.includes(group);
    },
    instancesWithTask: async () => drained,
    async describe() {
      if (facts.ec2) throw facts.ec2;
      return new Map([...facts.clusters].map(([id, clusters]) => [id, { clusters }]));
    },
    async start(task, token) {
      const count = (tries.get(task.instanceId) ?? 0) + 1;
      tries.set(task.instanceId, count);
      const answer = facts.place(task.instanceId, count);
      if (answer instanceof Error) throw answer;
      if (answer.kind === 'started') started.push({ task, token, at: clock.now() });
      return answer;
    },
  };
  return {
    clock,
    drained,
    facts,
    recorder,
    started,
    stop,
    async run(more: Partial<SweepConfig> = {}): Promise<{ code: number; found: unknown }> {
      const code = await clock.until(runSweep({ ...CONFIG, ...more }, ports, context), 3_600_000);
      const [end, ...others] = [...recorder.of('sweep summary'), ...recorder.of('run failed')];
      const isStopped = recorder.of('warning').some(({ message }) => message.includes('stopped by'));
      if (end === undefined && isStopped) return { code, found: undefined };
      if (end === undefined || others.length > 0) throw new Error('there is not one end');
      if (end.type === 'run failed') return { code, found: undefined };
      const { seconds, exitCode, ...found } = end.summary;
      if (exitCode !== code || seconds < 0) throw new Error('the summary tells another story');
      return { code, found };
    },
  };
}
