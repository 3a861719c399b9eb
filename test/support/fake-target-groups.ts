import type { RegisteredTarget, TaggedGroup, TargetGroups } from '../../app/run/target-groups.ts';
import type { ManualClock } from './clock.ts';

type Call = 'bound' | 'page' | 'tags' | 'targets' | 'still targets';

type Life = {
  readonly id: string;
  readonly port?: number;
  /** Milliseconds of the clock: deregistered, and gone. Default: never. */
  readonly drainingAt?: number;
  readonly goneAt?: number;
};

/** Target groups in memory, whose targets are deregistered at times that the test sets. */
export class FakeTargetGroups implements TargetGroups {
  /** Returns the error with which a call fails; undefined lets it succeed. */
  fault: (call: Call, group?: string) => Error | undefined = () => undefined;
  /** How long an answer takes. */
  latencyMs = 0;
  readonly asked: { readonly call: Call; readonly at: number; readonly group?: string }[] = [];
  readonly #groups = new Map<string, { tags: Record<string, string>; bound: boolean; targets: Life[] }>();
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** A group that carries these tags, or that a TargetGroupBinding names. */
  add(name: string, how: Record<string, string> | 'bound', ...targets: Life[]): void {
    const isBound = how === 'bound';
    this.#groups.set(arnOf(name), { tags: isBound ? {} : how, bound: isBound, targets });
  }

  /** How often the group was asked for its targets. */
  timesAsked(name: string): number {
    return this.asked.filter(({ group }) => group === arnOf(name)).length;
  }

  async bound(): Promise<readonly string[]> {
    await this.#meet('bound');
    return [...this.#groups].filter(([, { bound }]) => bound).map(([arn]) => arn);
  }

  async page(marker: string | undefined, signal: AbortSignal): Promise<{ groups: string[]; next?: string }> {
    await this.#meet('page', undefined, signal);
    const [from, all] = [Number(marker ?? 0), [...this.#groups.keys()]];
    const next = from + 400;
    return { groups: all.slice(from, next), ...(next < all.length && { next: String(next) }) };
  }

  async tags(groups: readonly string[], signal: AbortSignal): Promise<readonly TaggedGroup[]> {
    if (groups.length > 20) throw new Error('DescribeTags takes 20 ARNs at most');
    await this.#meet('tags', undefined, signal);
    return groups.map((group) => ({ group, tags: this.#groups.get(group)?.tags ?? {} }));
  }

  async targets(group: string, signal: AbortSignal): Promise<readonly RegisteredTarget[]> {
    await this.#meet('targets', group, signal);
    return this.#of(group);
  }

  async stillTargets(
    group: string,
    targets: readonly RegisteredTarget[],
    signal: AbortSignal,
  ): Promise<readonly RegisteredTarget[]> {
    await this.#meet('still targets', group, signal);
    return this.#of(group).filter(({ id, port }) => targets.some((one) => one.id === id && one.port === port));
  }

  #of(group: string): RegisteredTarget[] {
    const now = this.#clock.elapsed;
    return (this.#groups.get(group)?.targets ?? []).flatMap(({ id, port, drainingAt = Infinity, goneAt = Infinity }) =>
      now >= goneAt ? [] : [{ id, ...(port !== undefined && { port }), draining: now >= drainingAt }],
    );
  }

  async #meet(call: Call, group?: string, signal = new AbortController().signal): Promise<void> {
    this.asked.push({ call, at: this.#clock.elapsed, ...(group !== undefined && { group }) });
    if (this.latencyMs > 0) await this.#clock.sleep(this.latencyMs, signal);
    const fault = this.fault(call, group);
    if (fault !== undefined) throw fault;
  }
}

function arnOf(name: string): string {
  return `arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/${name}/0123456789abcdef`;
}
