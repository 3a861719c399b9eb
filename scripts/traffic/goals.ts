import { failuresIn, type Measured, type Result } from './figures.ts';
import type { Scenario } from './scenario.ts';

/** A goal of our drainer, what was measured, and whether that is enough. */
export type Goal = { readonly goal: string; readonly measured: string; readonly met: boolean };

/** No drain that has to wait for one pod after another may take longer than this, relative to its floor. */
const TIMES_FLOOR = 1.1;

/** The goals for which there are measurements. */
export function goalsOf(all: readonly Scenario[], results: readonly Result[]): Goal[] {
  return all.flatMap((scenario) => {
    const ours = measuredOf(results, scenario, 'ours');
    const kubectl = measuredOf(results, scenario, 'kubectl');
    return ours === undefined ? [] : [...requestGoals(scenario, ours, kubectl), ...timeGoals(scenario, ours, kubectl)];
  });
}

function requestGoals({ name, goal }: Scenario, ours: Measured, kubectl: Measured | undefined): Goal[] {
  const ends = { goal: `${name}: it ends`, measured: ours.ended ? 'it does' : 'it does not', met: ours.ended };
  if (goal === 'no request fails') {
    const failed = failuresIn(ours);
    return [{ goal: `${name}: no request fails`, measured: `${failed} failed`, met: failed === 0 && ours.ended }];
  }
  if (kubectl === undefined) return [ends];
  const [mine, theirs] = [failuresIn(ours) / ours.pods, failuresIn(kubectl) / kubectl.pods];
  const measured = `${mine.toFixed(1)} a pod, with kubectl ${theirs.toFixed(1)}`;
  return [{ goal: `${name}: no more requests fail than with kubectl`, measured, met: mine <= theirs }];
}

function timeGoals(scenario: Scenario, ours: Measured, kubectl: Measured | undefined): Goal[] {
  const { name, oneAfterAnother = false, budget } = scenario;
  const { floorSeconds, seconds } = ours;
  const goals: Goal[] = [];
  if (floorSeconds !== undefined) {
    const measured = `${(seconds / floorSeconds).toFixed(2)} ×`;
    goals.push({
      goal: `${name}: at most ${TIMES_FLOOR} × the floor`,
      measured,
      met: seconds <= TIMES_FLOOR * floorSeconds,
    });
  }
  // Without a budget we wait on purpose, and kubectl does not. How soon a kubelet removes a pod that has ended is not ours.
  const [mine, theirs] = [ours.lastAskedSeconds, kubectl?.lastAskedSeconds];
  if (mine !== undefined && theirs !== undefined && oneAfterAnother && budget !== undefined) {
    const measured = `after ${mine.toFixed(1)} s, kubectl after ${theirs.toFixed(1)} s`;
    goals.push({
      goal: `${name}: the last pod is asked to end no later than by kubectl`,
      measured,
      met: mine <= theirs,
    });
  }
  return goals;
}

function measuredOf(results: readonly Result[], { name }: Scenario, drainer: string): Measured | undefined {
  const outcome = results.find((result) => result.scenario === name && result.drainer === drainer)?.outcome;
  return outcome?.kind === 'measured' ? outcome : undefined;
}
