import type { WitnessOptions } from '../witness/witness.ts';
import type { Stage } from './stage.ts';

export type Section = 'Selection' | 'Eviction' | 'Time' | 'Node, volumes, traffic' | 'Hook';

/** What a cluster must have for a scenario. */
export type Need =
  /** Faults on demand. */
  | 'simulator'
  /** A record of every request. */
  | 'audit log'
  /** `unhealthyPodEvictionPolicy`. */
  | 'policy/v1'
  /** The waits are minutes: on a cluster of its own they cost nothing, one after the other they do. */
  | 'patience';

/** One state of a cluster, one drain, and what has to become of the pods, whatever the drainer says. */
export type ConformanceScenario = {
  /** The number of the scenario, with a letter where it has several forms: stable, for `--only` and links. */
  readonly id: string;
  /** What must be, as a fact. */
  readonly title: string;
  /** What is asked of the drainer beyond draining, for the page; absent: nothing. */
  readonly asks?: string;
  /** `hook`: only drainers that know lifecycle hooks take part. Default: every drainer. */
  readonly by?: 'hook';
  readonly needs?: readonly Need[];
  /** After so many seconds from its start the drainer is killed, and that it did not end is the harm. */
  readonly limitSeconds: number;
  readonly witness?: WitnessOptions;
  /** Sets the cluster up, starts the drainer, and adds harm to the stage that the witness cannot know of. @throws when the suite itself fails */
  readonly run: (stage: Stage) => Promise<void>;
};

export type ScenarioGroup = { readonly section: Section; readonly scenarios: readonly ConformanceScenario[] };
