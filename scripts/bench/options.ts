import { parseArgs } from 'node:util';

export type Options = {
  /** The table as JSON on stdout, for machines. */
  readonly json: boolean;
  /** Where the charts and the logs of the runs go. */
  readonly out: string;
  /** Names of the scenarios to run; empty: all of them. */
  readonly only: readonly string[];
  readonly contenders: readonly string[];
  /** Each contender runs each scenario so often; the run in the middle counts. */
  readonly runs: number;
  /** The node to drain; undefined: the first one that takes ordinary pods. */
  readonly node: string | undefined;
  /** The size of the cluster of the last scenario; undefined: it is left out. */
  readonly large: { readonly pods: number; readonly nodes: number } | undefined;
};

export const USAGE = `node scripts/bench/bench.ts [--json] [--out DIR] [--runs N] [--only SCENARIO,…] [--contenders worker,kubectl]
  [--node NAME] [--large [--large-pods 20000] [--large-nodes 2000]]
KUBECONFIG names the cluster: one that you may break. Its first worker node is filled and drained, again and again.
`;

/** @throws TypeError, or RangeError, on arguments that make no sense */
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
