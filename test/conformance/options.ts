import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/all.ts';

export type Options = {
  /** A command of a drainer to try; undefined: those that the suite knows. */
  readonly drainer: string | undefined;
  /** The names of the drainers that the suite knows; empty: all. */
  readonly columns: readonly string[];
  /** The IDs of the scenarios to run; empty: all. */
  readonly only: readonly string[];
  readonly json: boolean;
  /** A file of results to which this run is added. */
  readonly out: string | undefined;
  /** A file of results: the run fails when our own drainer fails a scenario that it passes there. */
  readonly check: string | undefined;
  /** Scenarios at the same time, on the simulator. */
  readonly jobs: number;
  /** Also run what takes minutes, on a real cluster. */
  readonly slow: boolean;
  /** Print what drainers that failed have printed. */
  readonly verbose: boolean;
};

export const USAGE = `npm run conformance -- [--drainer 'COMMAND {node}'] [--columns ours,kubectl,delete-all] [--only 8,16,…]
  [--json] [--out FILE] [--check FILE] [--jobs N] [--slow] [--verbose]
Runs on the simulator, or with TEST_CLUSTER=kubeconfig on the disposable cluster of KUBECONFIG.
`;

/** @throws TypeError or RangeError for invalid arguments */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      drainer: { type: 'string' },
      columns: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      check: { type: 'string' },
      jobs: { type: 'string', default: '8' },
      slow: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  });
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new RangeError(`--jobs ('${values.jobs}') must be a whole number`);
  const only = words(values.only);
  const unknown = only.filter((id) => !scenarios.some((scenario) => scenario.id === id));
  if (unknown.length > 0) throw new RangeError(`--only: there is no scenario ${unknown.join(', ')}`);
  const { drainer, out, check, json, slow, verbose } = values;
  return { drainer, columns: words(values.columns), only, json, out, check, jobs, slow, verbose };
}

function words(text: string): string[] {
  return text.split(',').filter((word) => word !== '');
}
