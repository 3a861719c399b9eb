import type { Sink } from '../../app/drain/cluster.ts';
import type { Deployment } from '../../app/drain/deployment.ts';
import { nameOf, type Pod } from '../../app/drain/pod.ts';
import type { ManualClock } from './clock.ts';
import { untilAborted } from './until-aborted.ts';

const never = new AbortController().signal;
/** Until its controller has seen a restart, and until each step of a rollout. */
const STEP_MS = 100;

/** The pods of a cluster in memory, as a rolling update changes them. */
export type RolledPods = {
  /** Ends the pods of this ReplicaSet. */
  end(replicaSet: string): void;
  /** Creates a ready pod of this ReplicaSet on another node, like those of another. */
  create(replicaSet: string, like: string): void;
};

/** Deployments in memory: a restart creates a new pod elsewhere, and then ends the old ones. */
export class FakeDeployments {
  readonly restarts: { readonly name: string; readonly at: number }[] = [];
  /** What becomes of a restart; by default the rollout is completed. */
  onRestart: 'rolls' | 'hangs' = 'rolls';
  readonly #clock: ManualClock;
  readonly #pods: RolledPods;
  readonly #deployments = new Map<string, Deployment>();
  readonly #sinks = new Map<Sink<Deployment>, string>();
  #version = 1;

  constructor(clock: ManualClock, pods: RolledPods) {
    this.#clock = clock;
    this.#pods = pods;
  }

  /** @returns the controller of its pods */
  add(name: string, more: Partial<Deployment> = {}): NonNullable<Pod['controller']> {
    const deployment = deploymentOf(name, more);
    this.#deployments.set(nameOf(deployment), deployment);
    return { kind: 'ReplicaSet', name: `${name}-${deployment.generation}` };
  }

  get observers(): number {
    return this.#sinks.size;
  }

  of({ namespace, controller }: Pod): { deployment: Deployment; podsWanted: number } | undefined {
    const [, name = '', revision] = /^(.*)-(\d+)$/.exec(controller?.name ?? '') ?? [];
    const deployment = controller?.kind === 'ReplicaSet' ? this.#deployments.get(`${namespace}/${name}`) : undefined;
    if (deployment === undefined) return undefined;
    const isOld =
      Number(revision) !== deployment.generation && deployment.status.replicas === deployment.status.updated;
    return { deployment, podsWanted: isOld ? 0 : deployment.replicas };
  }

  /** Changes it, as another client does; undefined: deletes it. */
  change(name: string, to: ((now: Deployment) => Partial<Deployment>) | undefined): void {
    const now = this.#deployments.get(name);
    if (now === undefined) throw new Error(`there is no Deployment ${name}`);
    if (to === undefined) {
      this.#deployments.delete(name);
      for (const [sink, observed] of this.#sinks) if (observed === name) sink.remove(now);
      return;
    }
    const next = { ...now, ...to(now), resourceVersion: String(++this.#version) };
    this.#deployments.set(name, next);
    for (const [sink, observed] of this.#sinks) if (observed === name) sink.set(next);
  }

  restart(read: Deployment, at: number): Deployment | 'changed' {
    const name = nameOf(read);
    if (this.#deployments.get(name)?.resourceVersion !== read.resourceVersion) return 'changed';
    this.change(name, ({ generation }) => ({ generation: generation + 1, restartedAt: at }));
    this.restarts.push({ name, at: this.#clock.elapsed });
    const restarted = this.#deployments.get(name);
    if (restarted === undefined) return 'changed';
    if (this.onRestart === 'rolls') this.#roll(name, read);
    return restarted;
  }

  observe(from: Deployment, sink: Sink<Deployment>, signal: AbortSignal): Promise<never> {
    const name = nameOf(from);
    this.#sinks.set(sink, name);
    const now = this.#deployments.get(name);
    if (now === undefined) sink.remove(from);
    else if (now.resourceVersion !== from.resourceVersion) sink.set(now);
    return untilAborted(signal, () => this.#sinks.delete(sink));
  }

  /** Lets the controller see the restart, and replace the pods of the old template. */
  #roll(name: string, old: Deployment): void {
    const { replicas } = old;
    const [before, after] = [`${old.name}-${old.generation}`, `${old.name}-${old.generation + 1}`];
    this.#after(1, () => {
      this.#pods.create(after, before);
      this.change(name, ({ generation }) => ({
        status: {
          observedGeneration: generation,
          replicas: replicas + 1,
          updated: 1,
          available: replicas,
          stalled: false,
        },
      }));
    });
    this.#after(2, () => {
      this.#pods.end(before);
      this.change(name, ({ generation }) => ({
        status: { observedGeneration: generation, replicas, updated: replicas, available: replicas, stalled: false },
      }));
    });
  }

  #after(steps: number, then: () => void): void {
    this.#clock.sleep(steps * STEP_MS, never).then(then);
  }
}

/** A Deployment of one replica in the namespace `shop`, rolled out, whose strategy creates a pod before it ends one. */
export function deploymentOf(name: string, more: Partial<Deployment> = {}): Deployment {
  const { replicas = 1, generation = 1 } = more;
  return {
    uid: `uid-${name}`,
    namespace: 'shop',
    name,
    resourceVersion: '1',
    generation,
    replicas,
    paused: false,
    strategy: { maxSurge: 1, maxUnavailable: 0 },
    restartedAt: undefined,
    progressDeadlineSeconds: 600,
    status: { observedGeneration: generation, replicas, updated: replicas, available: replicas, stalled: false },
    ...more,
  };
}
