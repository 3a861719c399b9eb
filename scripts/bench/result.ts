import type { Figures } from './figures.ts';
import type { Scenario } from './scenario.ts';

/** How one contender drained one scenario. */
export type Result = { readonly contender: string; readonly title: string; readonly figures: Figures };

export type ScenarioResults = {
  readonly scenario: Scenario;
  /** The minimum duration of a drain. */
  readonly floorSeconds: number;
  readonly results: readonly Result[];
};

export function figuresOf(
  results: readonly ScenarioResults[],
  scenario: string,
  contender: string,
): Figures | undefined {
  return results.find((of) => of.scenario.name === scenario)?.results.find((result) => result.contender === contender)
    ?.figures;
}

/** The run with the median duration. */
export function median(runs: readonly Figures[]): Figures | undefined {
  return runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor((runs.length - 1) / 2)];
}
