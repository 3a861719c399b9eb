import { isEmptySelector, labelSelectorMatch } from '../simulator/kubernetes/model/selector.ts';
import { type Node, nameOf, type Pod, type PodDisruptionBudget } from './cluster.ts';
import { isFinished } from './stays.ts';

/** A span of time in milliseconds since the epoch; without `to` it lasts. */
type Span = { readonly from: number; to?: number };

/** One pod, by its UID, with what the witness has seen of it and when. */
export type PodLife = {
  /** As it is now, or as it was last. */
  pod: Pod;
  readonly seenAt: number;
  /** It was no longer Pending from here on. */
  startedAt?: number;
  /** It was asked to end: the kubelet runs preStop hooks and sends SIGTERM. */
  askedAt?: number;
  /** Seconds that it was given when it was asked. */
  askedGrace?: number;
  goneAt?: number;
  /** While it was ready and not asked to end. */
  readonly ready: Span[];
};

type BudgetState = { readonly at: number; readonly budget: PodDisruptionBudget };
export type BudgetLife = { readonly states: BudgetState[]; goneAt?: number };

export class PodHistory {
  readonly #lives = new Map<string, PodLife>();
  /** By namespace and name, in the order in which they came. */
  readonly #named = new Map<string, PodLife[]>();

  see(pod: Pod, at: number): void {
    const { uid, deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
    const life: PodLife = this.#lives.get(uid) ?? { pod, seenAt: at, ready: [] };
    if (!this.#lives.has(uid)) this.#named.set(nameOf(pod), [...(this.#named.get(nameOf(pod)) ?? []), life]);
    this.#lives.set(uid, life);
    life.pod = pod;
    if (pod.status.phase !== 'Pending') life.startedAt ??= at;
    if (deletionTimestamp !== undefined && life.askedAt === undefined) {
      // One that was asked before the witness looked says when, to the second.
      life.askedAt = life.seenAt === at ? Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1_000 : at;
      life.askedGrace = deletionGracePeriodSeconds;
    }
    const isReady = pod.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    const serves = isReady && deletionTimestamp === undefined;
    const last = life.ready.at(-1);
    if (serves && (last === undefined || last.to !== undefined)) life.ready.push({ from: at });
    if (!serves && last !== undefined && last.to === undefined) last.to = at;
  }

  gone(uid: string, at: number): void {
    const life = this.#lives.get(uid);
    if (life === undefined) return;
    life.goneAt = at;
    const last = life.ready.at(-1);
    if (last !== undefined) last.to ??= at;
  }

  all(): readonly PodLife[] {
    return [...this.#lives.values()];
  }

  /** Those that have had this name, the oldest first. */
  named(namespace: string, name: string): readonly PodLife[] {
    return this.#named.get(`${namespace}/${name}`) ?? [];
  }
}

/** The containers of the pod that run, by the kubelet's last word. Without a word a Running pod has one that does. */
export function runningContainers({ metadata, status }: Pod): readonly string[] {
  // The kubelet deletes a pod whose containers have ended with no grace; finalizers may keep the object.
  const hasEnded = metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
  if (hasEnded || status.phase !== 'Running') return [];
  const all = [...status.containerStatuses, ...status.initContainerStatuses, ...status.ephemeralContainerStatuses];
  if (all.length === 0) return ['?'];
  return all.filter(({ state }) => state?.running !== undefined).map(({ name }) => name);
}

/** Overlap of two spans in milliseconds. */
export function overlapMs(a: Span, b: Span, until: number): number {
  return Math.max(0, Math.min(a.to ?? until, b.to ?? until, until) - Math.max(a.from, b.from));
}

export function isWithin(spans: readonly Span[], from: number, to: number): boolean {
  return spans.some((span) => span.from <= to && (span.to ?? Number.POSITIVE_INFINITY) >= from);
}

/** The instance that the node is, proven by its provider ID or by eksctl's label. */
export function instanceOf({ metadata, spec }: Node): string | undefined {
  return /(?:^|\/)(i-[0-9a-f]+)$/.exec(spec.providerID)?.[1] ?? metadata.labels['alpha.eksctl.io/instance-id'];
}

/** What the witness sees at one moment comes to it within so many milliseconds, earlier or later. */
const BLUR_MS = 100;

/**
 * The budget that forbids the deletion of this pod at that moment, by the rules of the eviction API
 * (pkg/registry/core/pod/storage/eviction.go). Counted from the pods, not taken from the budget's status, which its controller
 * brings up to date a little later. In doubt, nothing is forbidden.
 */
export function forbiddingBudget(
  life: PodLife,
  at: number,
  budgets: Iterable<BudgetLife>,
  pods: readonly PodLife[],
  wasAskedBefore: (life: PodLife) => boolean,
): string | undefined {
  const { metadata } = life.pod;
  const isPending = life.startedAt === undefined || life.startedAt > at;
  // Whether by somebody else or by an earlier request: a pod that is about to end costs its budget nothing more.
  if (isPending || isFinished(life.pod) || wasAskedBefore(life)) return undefined;
  for (const { states, goneAt } of budgets) {
    const last = states.findLast((state) => state.at <= at);
    const first = states[0];
    if (last === undefined || first === undefined || first.at > at - BLUR_MS) continue;
    if (goneAt !== undefined && goneAt <= at + BLUR_MS) continue;
    const { budget } = last;
    if (budget.metadata.namespace !== metadata.namespace || !matches(budget, life.pod)) continue;
    const isReady = life.ready.some((span) => span.from <= at - BLUR_MS && (span.to ?? at) >= at);
    if (!isReady && budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') continue;
    const inForce = states.filter((state) => state === last || (state.at > at - BLUR_MS && state.at <= at + BLUR_MS));
    const desired = Math.min(...inForce.map((state) => state.budget.status.desiredHealthy));
    const healthy = pods.filter(
      (other) =>
        other.pod.metadata.namespace === metadata.namespace &&
        matches(budget, other.pod) &&
        isWithin(other.ready, at - BLUR_MS, at + BLUR_MS) &&
        (other === life || !wasAskedBefore(other)),
    ).length;
    if ((isReady ? healthy - 1 : healthy) < desired) return budget.metadata.name;
  }
  return undefined;
}

/** In policy/v1beta1 an empty selector matches no pod, in policy/v1 every pod of the namespace; a missing one matches none. */
function matches({ apiVersion, spec }: PodDisruptionBudget, pod: Pod): boolean {
  const { selector } = spec;
  if (selector === undefined) return false;
  const { matchLabels, matchExpressions = [] } = selector;
  const plain = {
    ...(matchLabels === undefined ? {} : { matchLabels }),
    matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
      key,
      operator,
      ...(values === undefined ? {} : { values }),
    })),
  };
  if (apiVersion === 'policy/v1beta1' && isEmptySelector(plain)) return false;
  return labelSelectorMatch(plain)(pod.metadata.labels);
}
