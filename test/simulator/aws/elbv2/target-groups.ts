import type { Context } from '../context.ts';
import { ServiceError } from '../protocol/errors.ts';

export type NewTargetGroup = {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly targetType?: 'instance' | 'ip' | 'lambda' | 'alb';
  /** Of an Application or a Network Load Balancer. Default: application. */
  readonly of?: 'application' | 'network';
  readonly port?: number;
  /** Milliseconds. Default: 300 s, as on AWS. */
  readonly deregistrationDelayMs?: number;
  /** How long the requests that are on their way to a deregistered target take. Default: there are none. */
  readonly inFlightMs?: number;
  /** How long a Network Load Balancer needs at least to let a target go, whatever its delay. Default: two minutes. */
  readonly slowMs?: number;
};

/** `port`: absent: that of the group. */
export type Target = { readonly id: string; readonly port?: number };

/** `registered`: gets requests. `draining`: gets no new ones, may have old ones. */
export type TargetState = 'registered' | 'draining' | 'out';

type Registration = { readonly target: Required<Target>; readonly since: number; until?: number };

type TargetGroup = Required<NewTargetGroup> & { readonly arn: string; readonly registrations: Registration[] };

const SLOW_MS = 120_000;

/**
 * Target groups with their targets. The state of a target at any moment follows from when it was registered and deregistered.
 *
 * - A deregistered target drains until its requests have been answered, for the deregistration delay at most; without any it is out
 *   at once: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay
 * - A Network Load Balancer takes two minutes at least, whatever the delay, and the target gets new connections meanwhile:
 *   https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2366, aws-node-termination-handler#316
 */
export class TargetGroups {
  readonly #context: Context;
  readonly #groups = new Map<string, TargetGroup>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Returns the ARN of the group. */
  create(group: NewTargetGroup): string {
    const { accountId, partition, region } = this.#context;
    const id = String(this.#groups.size + 1).padStart(16, '0');
    const arn = `arn:${partition.id}:elasticloadbalancing:${region}:${accountId}:targetgroup/${group.name}/${id}`;
    this.#groups.set(arn, {
      ...{ tags: {}, targetType: 'instance', of: 'application', port: 80, inFlightMs: 0, slowMs: SLOW_MS },
      ...{ deregistrationDelayMs: 300_000, ...group, arn, registrations: [] },
    });
    return arn;
  }

  delete(arn: string): void {
    this.#groups.delete(arn);
  }

  all(): readonly TargetGroup[] {
    return [...this.#groups.values()];
  }

  /** @throws ServiceError when there is no such group */
  group(arn: string): TargetGroup {
    const found = this.#groups.get(arn);
    if (found === undefined) throw new ServiceError('TargetGroupNotFound', `Target groups '${arn}' not found`);
    return found;
  }

  register(arn: string, target: Target): void {
    const group = this.group(arn);
    if (last(group, target)?.until === undefined && last(group, target) !== undefined) return;
    group.registrations.push({ target: { port: group.port, ...target }, since: this.#context.now() });
  }

  /** A target that is not registered is none to deregister, and no error. */
  deregister(arn: string, target: Target): void {
    const registration = last(this.group(arn), target);
    if (registration !== undefined) registration.until ??= this.#context.now();
  }

  stateOf(group: TargetGroup, target: Target, at: number): TargetState {
    const registration = last(group, target);
    if (registration === undefined) return 'out';
    if (registration.until === undefined || at < registration.until) return 'registered';
    const inFlightMs = Math.min(group.inFlightMs, group.deregistrationDelayMs);
    const drainingMs = group.of === 'network' ? Math.max(inFlightMs, group.slowMs) : inFlightMs;
    return at < registration.until + drainingMs ? 'draining' : 'out';
  }

  /** The targets of a group that are registered or draining. */
  targetsOf(group: TargetGroup, at: number): readonly Required<Target>[] {
    const known = new Map(group.registrations.map(({ target }) => [`${target.id}:${target.port}`, target]));
    return [...known.values()].filter((target) => this.stateOf(group, target, at) !== 'out');
  }

  /** The groups that may send requests to one of these IDs, with the state of their targets. */
  sendingTo(ids: readonly string[], at: number): readonly { group: string; state: 'registered' | 'draining' }[] {
    return this.all().flatMap((group) =>
      this.targetsOf(group, at).flatMap((target) => {
        const state = this.stateOf(group, target, at);
        return ids.includes(target.id) && state !== 'out' ? [{ group: group.name, state }] : [];
      }),
    );
  }
}

/** The latest registration of a target: the same ID on another port is another target. */
function last({ port, registrations }: TargetGroup, target: Target): Registration | undefined {
  const wanted = { port, ...target };
  return registrations.findLast((one) => one.target.id === wanted.id && one.target.port === wanted.port);
}
