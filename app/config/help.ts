import type { CommandName } from './cli.ts';
import { DRAIN_SETTINGS, type SettingName, SWEEP_SETTINGS, settingRows } from './settings.ts';

/** The text of `--help`. */
export function helpText(of: 'program' | CommandName, version: string): string {
  switch (of) {
    case 'program':
      return `fargate-node-drainer ${version}
Drains the Kubernetes node of an EC2 instance that its Auto Scaling group is terminating, and completes the lifecycle hook.

  drain       drain one node, then exit
  sweep       start a drain for every terminating instance that has none, then exit
  --help      this text; drain --help and sweep --help for the settings
  --version   the version
`;
    case 'drain':
      return `fargate-node-drainer drain ${version}
  drain --instance-id i-… --cluster-name NAME          an instance that an Auto Scaling group terminates
  drain --kubeconfig FILE --node NAME                  a node of any cluster, without AWS

${table([
  ['--kubeconfig FILE', 'kubeconfig of the cluster, a file on this machine; wins over the bucket and CLUSTER_NAME'],
  ['--node NAME', 'the node to drain, instead of an instance: no hook is touched'],
  ['--dry-run', 'say what would become of every pod, and change nothing'],
  ['--force', 'drain even though the instance is not terminating'],
])}
${settingsText(DRAIN_SETTINGS)}
Exit codes: 0 done, handed over, or nothing to do; 1 failed, the hook was left alone; 3 the lifecycle action ended first;
64 bad configuration, or the instance is not terminating; 143 and 130 stopped by SIGTERM and SIGINT.
`;
    case 'sweep':
      return `fargate-node-drainer sweep ${version}
Looks for instances that wait in the terminating hook, and starts an ECS task for each that has none.

${table([['--dry-run', 'say which tasks would be started, and start none']])}
${settingsText(SWEEP_SETTINGS)}
Exit codes: 0 it looked, whatever it started; 1 it could not look; 64 bad configuration; 143 and 130 stopped by SIGTERM and
SIGINT.
`;
  }
}

function settingsText(names: readonly SettingName[]): string {
  const rows = settingRows(names).map(({ flag, defaultValue, description }) => [
    `${flag} VALUE`,
    defaultValue === '' ? description : `${description} (${defaultValue})`,
  ]);
  return `Settings; each is also read from the environment (--aws-region is AWS_REGION), the flag wins:

${table(rows)}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left = '']) => left.length));
  return rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}
