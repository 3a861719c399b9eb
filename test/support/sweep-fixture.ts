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

export const waitingInstance = (instanceId: string, group = 'workers'): WaitingInstance => ({ instanceId, group });

/** A sweep with Auto Scaling, EC2 and ECS in memory. */
export function sweepFixture() {
  const { clock, recorder, stop, context } = testContext();
  const withTask = new Set<string>();
  const started: { task: DrainTask; token: string; at: number }[] = [];
  const facts = {
    waiting: [] as WaitingInstance[],
    groupsWithHook: ['workers'],
    clusters: new Map<string, string[]>(),
    describeError: undefined as Error | undefined,
    startResult: (_instance: string, _attempts: number): StartResult | Error => ({ kind: 'started', task: 'task-1' }),
    lookupError: undefined as Error | undefined,
  };
  const attempts = new Map<string, number>();
  const ports: SweepPorts = {
    async waitingInstances() {
      if (facts.lookupError) throw facts.lookupError;
      return { groups: 7, instances: facts.waiting };
    },
    async hasHook(group) {
      if (group === 'deleted') throw new Failure('AutoScalingGroup name not found');
      return facts.groupsWithHook.includes(group);
    },
    instancesWithTask: async () => withTask,
    async describeInstances() {
      if (facts.describeError) throw facts.describeError;
      return new Map([...facts.clusters].map(([id, clusters]) => [id, { clusters, privateIPs: [] }]));
    },
    async startTask(task, token) {
      const count = (attempts.get(task.instanceId) ?? 0) + 1;
      attempts.set(task.instanceId, count);
      const answer = facts.startResult(task.instanceId, count);
      if (answer instanceof Error) throw answer;
      if (answer.kind === 'started') started.push({ task, token, at: clock.now() });
      return answer;
    },
  };
  return {
    clock,
    withTask,
    facts,
    recorder,
    started,
    stop,
    async run(more: Partial<SweepConfig> = {}): Promise<{ code: number; counts: unknown }> {
      const code = await clock.until(runSweep({ ...CONFIG, ...more }, ports, context), 3_600_000);
      const [end, ...others] = [...recorder.of('sweep summary'), ...recorder.of('run failed')];
      const isStopped = recorder.of('warning').some(({ message }) => message.includes('stopped by'));
      if (end === undefined && isStopped) return { code, counts: undefined };
      if (end === undefined || others.length > 0) throw new Error('the sweep did not report exactly one end');
      if (end.type === 'run failed') return { code, counts: undefined };
      const { seconds, exitCode, ...counts } = end.summary;
      if (exitCode !== code || seconds < 0) throw new Error('the summary contradicts the exit code');
      return { code, counts };
    },
  };
}
