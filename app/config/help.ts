import type { CommandName } from './cli.ts';
import { CORDON_SETTINGS, DRAIN_SETTINGS, SWEEP_SETTINGS, settingRows, UNDO_SETTINGS } from './command-settings.ts';
import type { SettingName } from './settings.ts';

/** The text of `--help`. */
export function helpText(of: 'program' | CommandName, version: string): string {
  switch (of) {
    case 'program':
      return `fargate-node-drainer ${version}
Drains the Kubernetes node of an EC2 instance that its Auto Scaling group terminates, and completes the lifecycle hook.

  drain       drain one node, then exit
  cordon      cordon the node of an instance, and evict nothing
  undo        put a drained node back into service
  sweep       start a drain for every terminating instance that has none, then exit
  --help      show this text; COMMAND --help lists the settings of a command
  --version   show the version
`;
    case 'drain':
      return `fargate-node-drainer drain ${version}
  drain --instance-id i-… --cluster-name NAME          drain an instance that an Auto Scaling group terminates
  drain --kubeconfig FILE --node NAME                  drain a node of any cluster, without AWS

${flagList([
  [
    '--kubeconfig FILE',
    'local kubeconfig file of the cluster; takes precedence over KUBE_CONFIG_BUCKET and CLUSTER_NAME',
  ],
  ['--node NAME', 'node to drain, instead of an instance; no lifecycle hook is involved'],
  ['--dry-run', 'show what would happen to every pod; change nothing'],
  ['--force', 'drain the instance even if it is not terminating'],
])}
${settingsText(DRAIN_SETTINGS)}
HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment mean the same as for kubectl.
Exit codes: 0 drained, handed over or nothing to do; 1 failed, with the hook left to ON_FAILURE; 3 the lifecycle action ended
before the drain did; 64 invalid configuration, or the instance is not terminating; 70 a bug; 143 stopped by SIGTERM;
130 stopped by SIGINT.
`;
    case 'cordon':
      return `fargate-node-drainer cordon ${version}
  cordon --instance-id i-… --cluster-name NAME        the node of an instance
  cordon --kubeconfig FILE --node NAME                a node of any cluster, without AWS
Cordons the node, so that new pods go elsewhere, and evicts nothing. undo takes it back.

${flagList([
  [
    '--kubeconfig FILE',
    'local kubeconfig file of the cluster; takes precedence over KUBE_CONFIG_BUCKET and CLUSTER_NAME',
  ],
  ['--node NAME', 'node to cordon, instead of an instance'],
])}
${settingsText(CORDON_SETTINGS)}
Exit codes: 0 cordoned, or no node of this cluster; 1 failed; 64 invalid configuration; 70 a bug; 143 stopped by SIGTERM;
130 stopped by SIGINT.
`;
    case 'undo':
      return `fargate-node-drainer undo ${version}
  undo --instance-id i-… --cluster-name NAME          the node of an instance
  undo --kubeconfig FILE --node NAME                  a node of any cluster, without AWS
Uncordons the node, and removes the taints and the label that a drain added, and no others.

${flagList([
  [
    '--kubeconfig FILE',
    'local kubeconfig file of the cluster; takes precedence over KUBE_CONFIG_BUCKET and CLUSTER_NAME',
  ],
  ['--node NAME', 'node to restore, instead of an instance'],
])}
${settingsText(UNDO_SETTINGS)}
Exit codes: 0 restored, or nothing to undo; 1 failed; 64 invalid configuration; 70 a bug; 143 stopped by SIGTERM;
130 stopped by SIGINT.
`;
    case 'sweep':
      return `fargate-node-drainer sweep ${version}
Finds instances that wait in the terminating lifecycle hook, and starts an ECS task for each one that has none.

${flagList([['--dry-run', 'show which tasks would be started; start none']])}
${settingsText(SWEEP_SETTINGS)}
Exit codes: 0 all groups were checked, even if tasks could not be started; 1 a group could not be checked; 64 invalid
configuration; 70 a bug; 143 stopped by SIGTERM; 130 stopped by SIGINT.
`;
  }
}

function settingsText(names: readonly SettingName[]): string {
  const rows = settingRows(names).map(({ flag, values, defaultValue, description }): [string, string] => [
    `${flag} ${values}`,
    defaultValue === '' ? description : `${description} (default: ${defaultValue})`,
  ]);
  return `Settings. Each is also read from the environment (--aws-region is AWS_REGION); the flag takes precedence.
TIME is a UTC time like 2026-01-31T12:34:56Z.

${flagList(rows)}`;
}

/** Each flag on a line of its own, with its description below it: flags with their values are of very different lengths. */
function flagList(rows: readonly [flag: string, description: string][]): string {
  return rows.map(([flag, description]) => `  ${flag}\n      ${description}\n`).join('');
}
