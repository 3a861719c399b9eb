import { parseArgs } from 'node:util';

export type Options = {
  /** Print JSON instead of the tables. */
  readonly json: boolean;
  /** The folder for charts and logs. */
  readonly out: string;
  /** The names of the scenarios to run; empty: all. */
  readonly only: readonly string[];
  readonly contenders: readonly string[];
  /** How often each contender runs each scenario; the median run is reported. */
  readonly runs: number;
  /** The node to drain; undefined: the first one that accepts ordinary pods. */
  readonly node: string | undefined;
  /** The size of the large cluster; undefined: skip the scenarios of cluster sizes. */
  readonly large: { readonly pods: number; readonly nodes: number } | undefined;
};

export const USAGE = `node scripts/bench/bench.ts [--json] [--out DIR] [--runs N] [--only SCENARIO,…] [--contenders worker,kubectl]
  [--node NAME] [--large [--large-pods 20000] [--large-nodes 2000]]
KUBECONFIG names a disposable cluster. Its first worker node is filled and drained repeatedly.
`;

/** @throws TypeError or RangeError for invalid arguments */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      out: { type: 'string', default: 'bench-output' },
      only: { type: 'string', default: '' },
      contenders: { type: 'string', default: '' },
      runs: { type: 'string', default: '1' },
      node: { type: 'string' },
      large: { type: 'boolean', default: false },
      'large-pods': { type: 'string', default: '20000' },
      'large-nodes': { type: 'string', default: '2000' },
    },
  });
  const large = {
    pods: atLeast(1_000, '--large-pods', values['large-pods']),
    nodes: atLeast(1, '--large-nodes', values['large-nodes']),
  };
  return {
    json: values.json,
    out: values.out,
    only: words(values.only),
    contenders: words(values.contenders),
    runs: atLeast(1, '--runs', values.runs),
    node: values.node,
    large: values.large ? large : undefined,
  };
}

function words(text: string): string[] {
  return text.split(',').filter((word) => word !== '');
}

function atLeast(least: number, flag: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new RangeError(`${flag} ('${text}') must be a whole number of at least ${least}`);
}
