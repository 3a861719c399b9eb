import { median, requestsOf, sum } from './figures.ts';
import { figuresOf, type ScenarioResults } from './result.ts';
import {
  BUDGETS,
  LARGE_CLUSTER,
  MANY_PODS,
  NO_BUDGET,
  podsOf,
  QUARTER_VCPU,
  SMALL_CLUSTER,
  SPREAD,
} from './scenario.ts';

/** Requests to the API server per pod, without budgets. */
export const REQUESTS_PER_POD = 1.05;

/** A goal of the drainer, and the measured value. */
type Goal = { readonly goal: string; readonly measured: string; readonly met: boolean };

/**
 * The goals for which there are measurements.
 * @param firstResponsesMs from the start of the drainer to the first response, in dry runs on an idle cluster
 */
export function goalsOf(all: readonly ScenarioResults[], firstResponsesMs: readonly number[]): Goal[] {
  const plain = figuresOf(all, NO_BUDGET, 'worker');
  const limited = figuresOf(all, QUARTER_VCPU, 'worker');
  const spread = figuresOf(all, SPREAD, 'worker');
  const budgets = figuresOf(all, BUDGETS, 'worker');
  const manyPods = figuresOf(all, MANY_PODS, 'worker');
  const small = figuresOf(all, SMALL_CLUSTER, 'worker');
  const large = figuresOf(all, LARGE_CLUSTER, 'worker');
  const kubectl = figuresOf(all, NO_BUDGET, 'kubectl');
  const floor = all.find(({ scenario }) => scenario.name === BUDGETS)?.floorSeconds ?? Number.NaN;
  return [
    atLeast(`${NO_BUDGET}: times as fast as kubectl drain`, 15, ratio(kubectl?.seconds, plain?.seconds)),
    atLeast(
      `${SPREAD}: times as fast as kubectl drain, which evicts all at once`,
      6,
      ratio(kubectl?.seconds, spread?.seconds),
    ),
    atMost(
      `${QUARTER_VCPU}: times the seconds of ${NO_BUDGET}, on all CPUs`,
      1.25,
      ratio(limited?.seconds, plain?.seconds),
    ),
    atMost(`${NO_BUDGET}: requests per pod`, REQUESTS_PER_POD, perPod(all, NO_BUDGET)),
    atMost(`${BUDGETS}: times the floor`, 1.08, ratio(budgets?.seconds, floor)),
    atMost(`${BUDGETS}: requests per pod`, 1.3, perPod(all, BUDGETS)),
    atMost(`${NO_BUDGET}: peak RSS in MB`, 88, plain?.peakMegabytes),
    atMost(`${SPREAD}: peak RSS in MB`, 88, spread?.peakMegabytes),
    atMost(`${BUDGETS}: peak RSS in MB`, 88, budgets?.peakMegabytes),
    atMost(`${MANY_PODS}: peak RSS in MB`, 128, manyPods?.peakMegabytes),
    atMost(
      `large cluster: peak RSS, relative to the small cluster`,
      1.1,
      ratio(large?.peakMegabytes, small?.peakMegabytes),
    ),
    atMost(
      `large cluster: requests, relative to the small cluster`,
      1.1,
      ratio(perPod(all, LARGE_CLUSTER), perPod(all, SMALL_CLUSTER)),
    ),
    atMost('ms from start to the first response, on an idle cluster', 150, median(firstResponsesMs)),
    atMost(`${BUDGETS}: median ms from allowed to sent`, 50, budgets?.allowedToSentMs),
    atMost(`${NO_BUDGET}: ms from the last pod gone to the end`, 100, plain?.lastGoneToDoneMs),
  ].filter((goal) => goal !== undefined);
}

function atMost(what: string, limit: number, measured: number | undefined): Goal | undefined {
  return measured === undefined ? undefined : goal(`${what} ≤ ${limit}`, measured, measured <= limit);
}

function atLeast(what: string, limit: number, measured: number | undefined): Goal | undefined {
  return measured === undefined ? undefined : goal(`${what} ≥ ${limit}`, measured, measured >= limit);
}

function goal(text: string, measured: number, met: boolean): Goal {
  return { goal: text, measured: String(Math.round(measured * 100) / 100), met };
}

function perPod(all: readonly ScenarioResults[], name: string): number | undefined {
  const scenario = all.find((of) => of.scenario.name === name)?.scenario;
  const figures = figuresOf(all, name, 'worker');
  const requests = figures && requestsOf(figures);
  return scenario && requests && sum(requests) / podsOf(scenario);
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
