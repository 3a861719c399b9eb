import type { Figures } from './figures.ts';
import type { Scenario } from './scenario.ts';

/** One contender's drain of one scenario. */
export type Result = { readonly contender: string; readonly title: string; readonly figures: Figures };

export type ScenarioResults = {
  readonly scenario: Scenario;
  /** Seconds that no drain can go below. */
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

/** The run whose time lies in the middle. */
export function middle(runs: readonly Figures[]): Figures | undefined {
  return runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor((runs.length - 1) / 2)];
}
