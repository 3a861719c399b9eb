import * as v from 'valibot';

const Measured = v.object({
  kind: v.literal('measured'),
  sent: v.number(),
  /** How many requests failed, by the code of their error or status. */
  failed: v.record(v.string(), v.number()),
  /** How many of the requests that were sent in a second failed: seconds since the drain began. */
  failedAt: v.record(v.string(), v.number()),
  /** From the first request to the last, on the same scale. */
  fromSecond: v.number(),
  toSecond: v.number(),
  p99Ms: v.optional(v.number()),
  /** Until the drain ended; after a power cut, until all replicas were ready again. */
  seconds: v.number(),
  /** Until the last pod was asked to end: what follows is the kubelet's. */
  lastAskedSeconds: v.optional(v.number()),
  /** False: it was still running at the limit. */
  ended: v.boolean(),
  /** Pods that had to leave. */
  pods: v.number(),
  /** How long the replacements and the last shutdown took in this run: no drain that respects the budget is faster. */
  floorSeconds: v.optional(v.number()),
});
export type Measured = v.InferOutput<typeof Measured>;

/** What became of one scenario with one drainer. */
const Result = v.object({
  scenario: v.string(),
  drainer: v.string(),
  title: v.string(),
  outcome: v.variant('kind', [Measured, v.object({ kind: v.literal('not run'), reason: v.string() })]),
});
export type Result = v.InferOutput<typeof Result>;

export const Results = v.object({ requestsPerSecond: v.number(), results: v.array(Result) });

export function failuresIn({ failed }: Pick<Measured, 'failed'>): number {
  return Object.values(failed).reduce((sum, count) => sum + count, 0);
}
