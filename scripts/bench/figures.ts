import { appOf } from './manifests.ts';
import type { BudgetChange, Sighting } from './witness.ts';

/** A request to evict a pod. Times are milliseconds since the epoch. */
export type Eviction = { readonly pod: string; readonly at: number; readonly refused: boolean };

/** Everything that one drain was measured by; what could not be is undefined. */
export type Figures = {
  readonly seconds: number;
  readonly exitCode: number | null;
  /** Pods that it left on the node although they were to go. */
  readonly leftBehind: number;
  /** By verb: as the API server counted them, and as the drainer did. */
  readonly audited: Readonly<Record<string, number>> | undefined;
  readonly counted: Readonly<Record<string, number>> | undefined;
  readonly refused: number | undefined;
  readonly peakMegabytes: number | undefined;
  readonly firstAnswerMs: number | undefined;
  /** From the budget's status that allows it to the eviction that follows: the median. */
  readonly allowedToSentMs: number | undefined;
  readonly lastGoneToDoneMs: number | undefined;
  /** Pods on the node, by seconds since the start. */
  readonly timeline: readonly { readonly seconds: number; readonly left: number }[];
};

/** Our watch of the budgets and that of the drainer run side by side: the drainer may hear of a change a little sooner. */
const SIDE_BY_SIDE_MS = 25;

/**
 * For each eviction that a budget let pass after it had held it up: how long after the budget allowed it was it sent?
 * @returns the median; undefined when no budget held anything up
 */
export function allowedToSent(changes: readonly BudgetChange[], evictions: readonly Eviction[]): number | undefined {
  const accepted = evictions.filter(({ refused }) => !refused);
  const delays = accepted.flatMap(({ pod, at }) => {
    const app = appOf(pod);
    const before = accepted.filter((other) => appOf(other.pod) === app && other.at < at).map((other) => other.at);
    const since = Math.max(...before);
    const allowing = changes.findLast(
      (change) => change.app === app && change.allowed > 0 && change.at > since && change.at <= at + SIDE_BY_SIDE_MS,
    );
    return allowing === undefined || before.length === 0 ? [] : [Math.max(0, at - allowing.at)];
  });
  return median(delays);
}

export function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

export function timelineOf(sightings: readonly Sighting[], startedAt: number): Figures['timeline'] {
  return sightings.map(({ at, left }) => ({ seconds: Math.max(0, at - startedAt) / 1000, left }));
}

/** The API server's word, if there is one, or else the drainer's own. */
export function requestsOf({ audited, counted }: Figures): Readonly<Record<string, number>> | undefined {
  return audited ?? counted;
}

export function sum(requests: Readonly<Record<string, number>>): number {
  return Object.values(requests).reduce((total, count) => total + count, 0);
}
