import { appOf } from './manifests.ts';
import type { BudgetChange, PodCount } from './witness.ts';

/** A request to evict a pod. Times are milliseconds since the epoch. */
export type Eviction = { readonly pod: string; readonly at: number; readonly refused: boolean };

/** The measurements of one drain; undefined: not available. */
export type Figures = {
  readonly seconds: number;
  readonly exitCode: number | null;
  /** Pods that are still on the node after the drain. */
  readonly remainingPods: number;
  /** Requests by verb: from the audit log of the API server, and from the drainer itself. */
  readonly audited: Readonly<Record<string, number>> | undefined;
  readonly counted: Readonly<Record<string, number>> | undefined;
  readonly refused: number | undefined;
  readonly peakMegabytes: number | undefined;
  readonly firstResponseMs: number | undefined;
  /** Median time from the budget status that allows an eviction to the request. */
  readonly allowedToSentMs: number | undefined;
  readonly lastGoneToDoneMs: number | undefined;
  /** Pods on the node, by seconds since the start. */
  readonly timeline: readonly { readonly seconds: number; readonly pods: number }[];
};

/** The watch of the drainer may see a change of a budget slightly before the watch of the benchmark. */
const WATCH_SKEW_MS = 25;

/**
 * How long after a budget allowed an eviction that it had blocked, the eviction was sent.
 * @returns the median in milliseconds; undefined when no budget blocked an eviction
 */
export function allowedToSent(changes: readonly BudgetChange[], evictions: readonly Eviction[]): number | undefined {
  const accepted = evictions.filter(({ refused }) => !refused);
  const delays = accepted.flatMap(({ pod, at }) => {
    const app = appOf(pod);
    const before = accepted.filter((other) => appOf(other.pod) === app && other.at < at).map((other) => other.at);
    const since = Math.max(...before);
    const allowing = changes.findLast(
      (change) => change.app === app && change.allowed > 0 && change.at > since && change.at <= at + WATCH_SKEW_MS,
    );
    return allowing === undefined || before.length === 0 ? [] : [Math.max(0, at - allowing.at)];
  });
  return median(delays);
}

export function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

export function timelineOf(counts: readonly PodCount[], startedAt: number): Figures['timeline'] {
  return counts.map(({ at, pods }) => ({ seconds: Math.max(0, at - startedAt) / 1000, pods }));
}

/** From the audit log, or else from the drainer itself. */
export function requestsOf({ audited, counted }: Figures): Readonly<Record<string, number>> | undefined {
  return audited ?? counted;
}

export function sum(requests: Readonly<Record<string, number>>): number {
  return Object.values(requests).reduce((total, count) => total + count, 0);
}
