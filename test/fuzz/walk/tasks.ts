import type { Config } from '../../../app/config/drain-config.ts';
import type { RunEvent } from '../../../app/events.ts';
import type { Clock } from '../../../app/lib/clock.ts';
import type { Hook } from '../../../app/lifecycle/heartbeat.ts';
import { Stopped } from '../../../app/outcome.ts';
import type { DrainTask } from '../../../app/run/drain-task.ts';
import type { Ports } from '../../../app/run/ports.ts';
import { run } from '../../../app/run/run.ts';
import { alive, clusterOf, type Life, meetFaults } from './connection.ts';
import { GROUP, INSTANCE, type TaskPlan } from './scenario.ts';
import { NODE } from './truth.ts';
import type { World } from './world.ts';

/** Between SIGTERM and SIGKILL: the default of Fargate. */
const STOP_TIMEOUT_MS = 30_000;

/** A task that ran, for the witness. */
export type TaskLife = Life & {
  readonly startedAt: number;
  /** When the drain was started, by this task or by the first of its predecessors. */
  readonly drainStartedAt: number;
  endedAt?: number;
  exitCode?: number;
  stoppedAt?: number;
  /** What it reported, for those who read a failure. The witness never looks at it. */
  readonly log: { readonly at: number; readonly event: RunEvent }[];
};

/** The lifecycle action of the instance, and the tasks that drain it. */
export class Tasks {
  readonly all: TaskLife[] = [];
  readonly #world: World;
  readonly #tokens = new Set<string>();
  #lastBeatAt: number;

  constructor(world: World) {
    this.#world = world;
    this.#lastBeatAt = world.startedAt;
    const { lifeMs, tasks, sweepEveryMs } = world.scenario;
    world.after(lifeMs, () => world.die({ cause: 'global timeout' }));
    this.#expire();
    for (const plan of tasks) world.after(plan.startsAtMs, () => this.#start(plan));
    if (sweepEveryMs !== undefined) world.after(sweepEveryMs, () => this.#sweep(sweepEveryMs));
  }

  /** Does a task run that can still do something? */
  get isAnyRunning(): boolean {
    return this.all.some(({ endedAt, killed }) => endedAt === undefined && !killed);
  }

  #expire(): void {
    const { scenario } = this.#world;
    const inMs = this.#lastBeatAt + scenario.heartbeatTimeoutMs - this.#world.now;
    this.#world.after(inMs, () => {
      if (this.#world.now < this.#lastBeatAt + scenario.heartbeatTimeoutMs) this.#expire();
      else this.#world.die({ cause: 'heartbeat timeout' });
    });
  }

  #sweep(everyMs: number): void {
    const { death, scenario } = this.#world;
    if (death !== undefined) return;
    if (!this.isAnyRunning)
      this.#world.after(scenario.ecs.startMs, () => this.#start({ startsAtMs: 0, byEvent: false }));
    this.#world.after(everyMs, () => this.#sweep(everyMs));
  }

  #start({ byEvent, kill }: Pick<TaskPlan, 'byEvent' | 'kill' | 'startsAtMs'>, continued?: DrainTask): void {
    const world = this.#world;
    const stop = new AbortController();
    const drainStartedAt = continued?.drainStartedAt;
    const life: TaskLife = {
      task: this.all.length,
      killed: false,
      startedAt: world.now,
      drainStartedAt: drainStartedAt ?? world.now,
      log: [],
    };
    this.all.push(life);
    const { config } = world.scenario;
    const known = { group: GROUP, hook: 'drainer', ...(byEvent && { startedAt: world.startedAt + 500 }) };
    const own: Config = {
      ...config,
      target: { kind: 'instance', instanceId: INSTANCE, region: 'eu-central-1', action: continued?.action ?? known },
      generation: continued?.generation ?? 0,
      ...(drainStartedAt !== undefined && { drainStartedAt }),
    };
    const clock: Clock = { now: world.clock.now, sleep: (ms, signal) => alive(life, world.clock.sleep(ms, signal)) };
    const report = (event: RunEvent) => life.log.push({ at: world.now, event });
    const ended = run(own, this.#ports(life), `run-${life.task}`, { clock, report, signal: stop.signal });
    const end = (exitCode: number) => Object.assign(life, { endedAt: world.now, exitCode });
    ended.then(end, (error: unknown) => {
      life.log.push({ at: world.now, event: { type: 'run failed', error } });
      end(-1);
    });
    if (kill === undefined) return;
    world.after(kill.afterMs, () => {
      life.stoppedAt ??= world.now;
      if (kill.how === 'SIGTERM') stop.abort(new Stopped('SIGTERM'));
      const waitMs = kill.how === 'SIGTERM' ? STOP_TIMEOUT_MS : 0;
      world.after(waitMs, () => {
        if (life.endedAt === undefined) life.killed = true;
      });
    });
  }

  #ports(life: TaskLife): Ports {
    const world = this.#world;
    const { scenario } = world;
    const aws = <T>(what: string, work: () => T, signal: AbortSignal): Promise<T> =>
      alive(life, meetFaults(world, 'aws', what, work, signal));
    const hook: Hook = {
      name: 'drainer',
      heartbeatTimeoutSeconds: scenario.heartbeatTimeoutMs / 1_000,
      globalTimeoutSeconds: scenario.lifeMs / 1_000,
      heartbeat: (signal) =>
        aws(
          'heartbeat',
          () => {
            if (world.death !== undefined) return 'ended';
            this.#lastBeatAt = world.now;
            return 'active';
          },
          signal,
        ),
      complete: (_, signal) =>
        aws(
          'complete',
          () => {
            if (world.death !== undefined) return 'ended';
            world.die({ cause: 'completed', task: life.task });
            return 'active';
          },
          signal,
        ),
    };
    const cluster = clusterOf(world, life);
    return {
      actions: {
        instanceState: (_, signal) =>
          aws(
            'describe instance',
            () => ({
              group: GROUP,
              lifecycleState: world.death === undefined ? 'Terminating:Wait' : 'Terminating:Proceed',
            }),
            signal,
          ),
        terminatingHooks: (_, __, ___, signal) => aws('describe hooks', () => [hook], signal),
        retainsAbandoned: async () => false,
        terminate: async () => undefined,
        terminationStartedAt: (_, __, signal) => aws('describe activities', () => world.startedAt - 1_000, signal),
      },
      describeInstance: (_, signal) =>
        aws(
          'describe instances',
          () => ({
            privateDnsName: NODE,
            privateIPs: ['10.0.0.1'],
            launchedAt: world.startedAt - scenario.node.instanceAgeMs,
            state: world.death === undefined ? 'running' : 'shutting-down',
            clusters: ['prod'],
          }),
          signal,
        ),
      targetGroups: () => Promise.reject(new Error('no walk asks for target groups')),
      groupCapacity: (_, signal) =>
        aws(
          'describe group',
          () => {
            const isReady = world.now >= world.at(scenario.capacityReadyAtMs);
            return { desired: isReady ? 0 : 3, inService: [] };
          },
          signal,
        ),
      successors: {
        start: (task, _, token, signal) =>
          aws(
            'run task',
            () => {
              if (scenario.ecs.refuses) return { kind: 'refused', reason: 'RESOURCE:MEMORY' } as const;
              if (this.#tokens.has(token)) return { kind: 'started', task: 'arn' } as const;
              this.#tokens.add(token);
              world.after(scenario.ecs.startMs, () => this.#start({ startsAtMs: 0, byEvent: true }, task));
              return { kind: 'started', task: 'arn' } as const;
            },
            signal,
          ),
      },
      connect: async (_source, signal) => {
        if (life.killed) return new Promise(() => undefined);
        await alive(
          life,
          meetFaults(world, 'cluster', 'get /api/v1', () => undefined, signal),
        );
        return cluster;
      },
    };
  }
}
