import { parseArgs } from 'node:util';

export type Options = {
  /** The folder for the figures, the chart and logs. */
  readonly out: string;
  /** The names of the scenarios to run; empty: all. */
  readonly only: readonly string[];
  /** The names of the drainers to run; empty: all. */
  readonly drainers: readonly string[];
  /** For how long a load balancer still sends new connections to a target that is being deregistered. */
  readonly deregistrationSeconds: number;
  readonly help: boolean;
};

export const USAGE = `npm run traffic -- [--out DIR] [--only SCENARIO,…] [--drainers ours,kubectl,power-cut] [--deregistration SECONDS]

Sends 200 requests a second to an application while its node is drained, and counts those that fail. Prints a table and the goals, and writes
DIR/results.json and DIR/failed-requests.svg (DIR: traffic-output). What an earlier run into DIR measured is kept unless it is measured again.

KUBECONFIG names a disposable cluster with two nodes (for the scenario two-nodes: three) that run containers, and whose Services and nodes this
machine reaches. Environment:
  DRAINER_KUBECONFIG   another user for the drainer (the user needs infra/kubernetes/rbac.yaml)
  SERVER_IMAGE         the server, see test/nodes/server.ts (lab/server:1)
  POWER_OFF, POWER_ON  shell commands that switch the machine of {node} off and on, for the drainer power-cut:
                       POWER_OFF='docker kill {node}' POWER_ON='docker start {node}'
`;

/** @throws TypeError or RangeError for invalid arguments */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: 'string', default: 'traffic-output' },
      only: { type: 'string', default: '' },
      drainers: { type: 'string', default: '' },
      deregistration: { type: 'string', default: '10' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const deregistrationSeconds = Number(values.deregistration);
  if (!(deregistrationSeconds >= 0 && deregistrationSeconds <= 600)) {
    throw new RangeError(`--deregistration ('${values.deregistration}') must be a number of seconds from 0 to 600`);
  }
  return {
    out: values.out,
    only: words(values.only),
    drainers: words(values.drainers),
    deregistrationSeconds,
    help: values.help,
  };
}

function words(text: string): string[] {
  return text.split(',').filter((word) => word !== '');
}
