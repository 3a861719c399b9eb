import { COLORS, type CommandName, OUTPUTS, SHELLS, settingsOf } from './cli.ts';
import { settingRows } from './command-settings.ts';
import { SETTING_GROUPS } from './setting-groups.ts';

const PROGRAM = 'fargate-node-drainer';
const COLUMNS = 100;

const KUBECONFIG: FlagRow = [
  '--kubeconfig FILE',
  'local kubeconfig file of the cluster; takes precedence over KUBE_CONFIG_BUCKET and CLUSTER_NAME',
];
const CONTEXT: FlagRow = ['--context NAME', 'context of that file; if unset, its current one'];
const VIEW: readonly FlagRow[] = [
  [
    `-o, --output ${OUTPUTS.join('|')}`,
    'how the run is shown; if unset, live (text, where only lines are shown) on a terminal and json otherwise',
  ],
  [`--color ${COLORS.join('|')}`, 'colours of the live view (default: auto; NO_COLOR turns them off)'],
];
const NODE_FLAGS: readonly FlagRow[] = [['--node NAME', 'the same as NODE'], KUBECONFIG, CONTEXT, ...VIEW];
const STOPPED = '70 a bug; 143 stopped by SIGTERM; 130 stopped by SIGINT.';

/** The text of `--help`, no wider than 100 columns. */
export function helpText(of: 'program' | CommandName, version: string): string {
  switch (of) {
    case 'program':
      return `${PROGRAM} ${version}
Drains the Kubernetes node of an EC2 instance that its Auto Scaling group terminates, and completes
the lifecycle hook.

Usage: ${PROGRAM} COMMAND [flags]

Commands:
  drain        drain one node, then exit
  cordon       cordon a node, and evict nothing
  undo         put a drained node back into service
  sweep        start a drain for every terminating instance that has none, then exit
  completion   print a script that completes commands and flags for ${SHELLS.join(', ')}

Flags:
  -h, --help      show this text; COMMAND --help shows the flags of a command
  -V, --version   show the version

Examples:
  ${PROGRAM} drain NODE --kubeconfig ~/.kube/config --dry-run
  ${PROGRAM} drain NODE --cluster-name NAME --aws-region REGION --dry-run
  source <(${PROGRAM} completion bash)
`;
    case 'drain':
      return page(of, version, {
        usage: [
          ['drain --instance-id i-… --cluster-name NAME', 'an instance that an Auto Scaling group terminates'],
          ['drain NODE --kubeconfig FILE', 'a node of any cluster, without AWS'],
          ['drain NODE --cluster-name NAME', 'a node of an EKS cluster, without a kubeconfig'],
        ],
        does: 'Cordons the node, evicts its pods, waits until they are gone, and completes the lifecycle hook.',
        flags: [
          ['--dry-run', 'show what would happen to every pod; change nothing'],
          ['--node NAME', 'the same as NODE: node to drain, instead of an instance; no lifecycle hook is involved'],
          KUBECONFIG,
          CONTEXT,
          ['--even-if-not-terminating', 'drain the instance even if its group is not terminating it'],
          ...VIEW,
        ],
        after: [
          'HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment mean the same as for kubectl.',
          `Exit codes: 0 drained, handed over or nothing to do; 1 failed, with the hook left to ON_FAILURE; 3 the lifecycle action ended before the drain did; 64 invalid configuration, or the instance is not terminating; ${STOPPED}`,
        ],
      });
    case 'cordon':
      return page(of, version, {
        usage: [
          ['cordon --instance-id i-… --cluster-name NAME', 'the node of an instance'],
          ['cordon NODE --kubeconfig FILE', 'a node of any cluster, without AWS'],
        ],
        does: 'Cordons the node, so that new pods go elsewhere, and evicts nothing. undo takes it back.',
        flags: NODE_FLAGS,
        after: [`Exit codes: 0 cordoned, or no node of this cluster; 1 failed; 64 invalid configuration; ${STOPPED}`],
      });
    case 'undo':
      return page(of, version, {
        usage: [
          ['undo --instance-id i-… --cluster-name NAME', 'the node of an instance'],
          ['undo NODE --kubeconfig FILE', 'a node of any cluster, without AWS'],
        ],
        does: 'Uncordons the node, and removes the taints and the label that a drain added, and no others.',
        flags: NODE_FLAGS,
        after: [`Exit codes: 0 restored, or nothing to undo; 1 failed; 64 invalid configuration; ${STOPPED}`],
      });
    case 'sweep':
      return page(of, version, {
        usage: [['sweep --lifecycle-hook-name NAME …', 'all groups with this hook']],
        does: 'Finds instances that wait in the terminating lifecycle hook, and starts an ECS task for each one that has none.',
        flags: [['--dry-run', 'show which tasks would be started; start none'], ...VIEW],
        after: [
          `Exit codes: 0 all groups were checked, even if tasks could not be started; 1 a group could not be checked; 64 invalid configuration; ${STOPPED}`,
        ],
      });
    case 'completion':
      return page(of, version, {
        usage: [[`completion ${SHELLS.join('|')}`, 'for this shell']],
        does: 'Prints a script that completes commands, flags and their words.',
        flags: [],
        after: [
          `bash and zsh: source <(${PROGRAM} completion bash)`,
          `fish: ${PROGRAM} completion fish > ~/.config/fish/completions/${PROGRAM}.fish`,
        ],
      });
  }
}

type FlagRow = readonly [flag: string, description: string];

type Page = {
  readonly usage: readonly (readonly [words: string, meaning: string])[];
  readonly does: string;
  readonly flags: readonly FlagRow[];
  /** Paragraphs. */
  readonly after: readonly string[];
};

function page(command: CommandName, version: string, { usage, does, flags, after }: Page): string {
  const width = Math.max(...usage.map(([words]) => words.length));
  const settings = settingsText(command);
  return [
    `${PROGRAM} ${command} ${version}`,
    ...wrapped(does, ''),
    '',
    'Usage:',
    ...usage.map(([words, meaning]) => `  ${words.padEnd(width)}   ${meaning}`),
    ...(flags.length === 0 ? [] : ['', 'Flags:', ...flagList(flags)]),
    ...(settings.length === 0 ? [] : ['', ...settings]),
    '',
    ...after.flatMap((paragraph) => wrapped(paragraph, '')),
    '',
  ].join('\n');
}

function settingsText(command: CommandName): readonly string[] {
  const names = settingsOf(command);
  const groups = SETTING_GROUPS.map(
    ([title, members]) => [title, members.filter((name) => names.includes(name))] as const,
  ).filter(([, members]) => members.length > 0);
  if (groups.length === 0) return [];
  return [
    'Settings. Each is also read from the environment (--aws-region is AWS_REGION); the flag takes',
    'precedence. TIME is a UTC time like 2026-01-31T12:34:56Z. Seconds may also be written as 30m or 1h.',
    ...groups.flatMap(([title, members]) => {
      const rows = settingRows(members).map(
        ({ flag, values, defaultValue, description }): FlagRow => [
          `${flag} ${values}`,
          defaultValue === '' ? description : `${description} (default: ${defaultValue})`,
        ],
      );
      return ['', `${title}:`, ...flagList(rows)];
    }),
  ];
}

/** Each flag on a line of its own, with its description below it: flags with their values are of very different lengths. */
function flagList(rows: readonly FlagRow[]): readonly string[] {
  return rows.flatMap(([flag, description]) => [`  ${flag}`, ...wrapped(description, '      ')]);
}

/** Breaks a text between words, into lines that fit. */
function wrapped(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= COLUMNS) lines.splice(-1, 1, `${last} ${word}`);
    else lines.push(`${indent}${word}`);
  }
  return lines;
}
