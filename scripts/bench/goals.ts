import { requestsOf, sum } from './figures.ts';
import { figuresOf, type ScenarioResults } from './result.ts';
import { BUDGETS, CROWD, LARGE_CLUSTER, NO_BUDGET, podsOf, SMALL_CLUSTER } from './scenario.ts';

/** To the API server, where no budget is in the way. */
export const REQUESTS_PER_POD = 1.05;

/** What the worker is meant to reach, and what it reached. */
type Goal = { readonly goal: string; readonly reached: string; readonly met: boolean };

/**
 * The goals for which there are figures.
 * @param firstAnswersMs from the start of the worker to its first answer, in runs on a calm cluster
 */
export function goalsOf(all: readonly ScenarioResults[], firstAnswersMs: readonly number[]): Goal[] {
  const plain = figuresOf(all, NO_BUDGET, 'worker');
  const budgets = figuresOf(all, BUDGETS, 'worker');
  const crowd = figuresOf(all, CROWD, 'worker');
  const small = figuresOf(all, SMALL_CLUSTER, 'worker');
  const large = figuresOf(all, LARGE_CLUSTER, 'worker');
  const kubectl = figuresOf(all, NO_BUDGET, 'kubectl');
  const floor = all.find(({ scenario }) => scenario.name === BUDGETS)?.floorSeconds ?? Number.NaN;
  return [
    atLeast(`${NO_BUDGET}: times as fast as kubectl drain`, 15, ratio(kubectl?.seconds, plain?.seconds)),
    atMost(`${NO_BUDGET}: requests a pod`, REQUESTS_PER_POD, perPod(all, NO_BUDGET)),
    atMost(`${BUDGETS}: times the floor`, 1.08, ratio(budgets?.seconds, floor)),
    atMost(`${BUDGETS}: requests a pod`, 1.3, perPod(all, BUDGETS)),
    atMost(`${NO_BUDGET}: peak RSS in MB`, 96, plain?.peakMegabytes),
    atMost(`${BUDGETS}: peak RSS in MB`, 96, budgets?.peakMegabytes),
    atMost(`${CROWD}: peak RSS in MB`, 128, crowd?.peakMegabytes),
    atMost(`large cluster: peak RSS, times the small one's`, 1.1, ratio(large?.peakMegabytes, small?.peakMegabytes)),
    atMost(
      `large cluster: requests, times the small one's`,
      1.1,
      ratio(perPod(all, LARGE_CLUSTER), perPod(all, SMALL_CLUSTER)),
    ),
    atMost('ms from start to the first answer, on a calm cluster', 150, middleOf(firstAnswersMs)),
    atMost(`${BUDGETS}: ms from allowed to sent, median`, 50, budgets?.allowedToSentMs),
    atMost(`${NO_BUDGET}: ms from the last pod gone to the end`, 100, plain?.lastGoneToDoneMs),
  ].filter((goal) => goal !== undefined);
}

function atMost(what: string, most: number, reached: number | undefined): Goal | undefined {
  return reached === undefined ? undefined : goal(`${what} ≤ ${most}`, reached, reached <= most);
}

function atLeast(what: string, least: number, reached: number | undefined): Goal | undefined {
  return reached === undefined ? undefined : goal(`${what} ≥ ${least}`, reached, reached >= least);
}

function goal(text: string, reached: number, met: boolean): Goal {
  return { goal: text, reached: String(Math.round(reached * 100) / 100), met };
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

function middleOf(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
