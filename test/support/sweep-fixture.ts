import type { SweepConfig } from '../../app/config/sweep-config.ts';
import { type DrainerTags, readTags } from '../../app/config/tags.ts';
import type { SweepCounts } from '../../app/events.ts';
import { Failure } from '../../app/lib/errors.ts';
import type { DrainTask, StartResult } from '../../app/run/drain-task.ts';
import type { SweepPorts, SweptGroup, SweptInstance } from '../../app/sweep/ports.ts';
import { runSweep } from '../../app/sweep/sweep.ts';
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
  paused: false,
  finishRetained: false,
  checkGroups: false,
  dryRun: false,
};

/** A drainer of every cluster whose instances name it by their tags. */
export const EVERY_CLUSTER: Partial<SweepConfig> = {
  cluster: { kind: 'by-tags', template: { kind: 'eks', region: 'eu-central-1' } },
};

export const waitingInstance = (instanceId: string, group = 'workers'): SweptInstance => ({
  instanceId,
  group,
  state: 'waiting',
});

export const retainedInstance = (instanceId: string, group = 'workers'): SweptInstance => ({
  instanceId,
  group,
  state: 'retained',
});

/** A sweep that finds nothing, except for `overrides`. */
export function countsWith(overrides: Partial<SweepCounts> = {}): SweepCounts {
  return {
    groups: 7,
    waiting: 0,
    retained: 0,
    withTask: 0,
    recentlyStarted: 0,
    held: 0,
    clustersUnknown: 0,
    otherClusters: 0,
    started: 0,
    refused: 0,
    groupsWithoutHook: undefined,
    ...overrides,
  };
}

type StartCall = { readonly task: DrainTask; readonly token: string; readonly at: number };

/** A sweep with Auto Scaling, EC2 and ECS in memory: seven groups, the tasks that it starts run. */
export function sweepFixture() {
  const { clock, recorder, stop, context } = testContext();
  const withTask = new Set<string>();
  const started: StartCall[] = [];
  const calls: StartCall[] = [];
  const hookChecks: { readonly group: string; readonly at: number }[] = [];
  const facts = {
    instances: [] as SweptInstance[],
    groupTags: new Map<string, Record<string, string>>(),
    deleting: new Set<string>(),
    groupsWithHook: ['workers'],
    /** Tags of instances. */
    tags: new Map<string, Record<string, string>>(),
    /** When the last task of an instance was created, although it may have stopped. */
    createdAt: new Map<string, number>(),
    describeError: undefined as Error | undefined,
    startResult: (_instance: string, _attempts: number): StartResult | Error => ({ kind: 'started', task: 'task-1' }),
    lookupError: undefined as Error | undefined,
  };
  const attempts = new Map<string, number>();
  const groupsOf = (names: readonly string[]): SweptGroup[] =>
    names.map((name) => ({
      name,
      tags: readTags(facts.groupTags.get(name) ?? {}),
      deleting: facts.deleting.has(name),
      instances: facts.instances.filter(({ group }) => group === name),
    }));
  const ports: SweepPorts = {
    async groups() {
      if (facts.lookupError) throw facts.lookupError;
      const names = new Set([...facts.instances.map(({ group }) => group), ...facts.groupTags.keys()]);
      for (let index = 1; names.size < 7; index++) names.add(`empty-${index}`);
      return groupsOf([...names]);
    },
    async hasHook(group) {
      hookChecks.push({ group, at: clock.now() });
      if (group === 'deleted') throw new Failure('AutoScalingGroup name not found');
      return facts.groupsWithHook.includes(group);
    },
    drainTasks: async () => ({
      running: new Set([...withTask, ...started.map(({ task }) => task.instanceId)]),
      createdAt: new Map([...started.map(({ task, at }) => [task.instanceId, at] as const), ...facts.createdAt]),
    }),
    async describeInstances(ids) {
      if (facts.describeError) throw facts.describeError;
      const tagsOf = (id: string): DrainerTags => readTags(facts.tags.get(id) ?? {});
      return new Map(ids.map((id) => [id, { privateIPs: [], ...tagsOf(id) }]));
    },
    async startTask(task, token) {
      const count = (attempts.get(task.instanceId) ?? 0) + 1;
      attempts.set(task.instanceId, count);
      const call = { task, token, at: clock.now() };
      calls.push(call);
      const answer = facts.startResult(task.instanceId, count);
      if (answer instanceof Error) throw answer;
      if (answer.kind === 'started') started.push(call);
      return answer;
    },
  };
  return {
    calls,
    clock,
    withTask,
    facts,
    hookChecks,
    recorder,
    started,
    startedIds: () => started.map(({ task }) => task.instanceId),
    stop,
    async run(more: Partial<SweepConfig> = {}): Promise<{ code: number; counts: SweepCounts | undefined }> {
      const code = await clock.until(runSweep({ ...CONFIG, ...more }, ports, context), 3_600_000);
      const [end, ...others] = [...recorder.of('sweep summary'), ...recorder.of('run failed')];
      const isStopped = recorder.of('warning').some(({ message }) => message.includes('stopped by'));
      if (end === undefined && (isStopped || more.paused === true)) return { code, counts: undefined };
      if (end === undefined || others.length > 0) throw new Error('the sweep did not report exactly one end');
      if (end.type === 'run failed') return { code, counts: undefined };
      const { seconds, exitCode, ...counts } = end.summary;
      if (exitCode !== code || seconds < 0) throw new Error('the summary contradicts the exit code');
      return { code, counts };
    },
  };
}
