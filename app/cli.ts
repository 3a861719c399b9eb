import { parseArgs } from 'node:util';
import { flagOf, type SettingName, settingNames, settingRows } from './settings.ts';

/** What the command line asks for. `faults` are told together with those of the configuration. */
export type CommandLine =
  | { command: 'help'; of: 'program' | 'drain' }
  | { command: 'version' }
  | { command: 'drain'; flags: Flags; faults: readonly string[] }
  | { command: 'unknown'; faults: readonly string[] };

export type Flags = {
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  readonly kubeconfig?: string;
  readonly node?: string;
  readonly dryRun: boolean;
  readonly force: boolean;
};

const SWITCHES = ['dry-run', 'force', 'help', 'version'];
const VALUES = ['kubeconfig', 'node'];

/** Reads the arguments after `node main.mjs`. Never throws: what is wrong with them is in `faults`. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const names = new Map(settingNames.map((name) => [flagOf(name), name]));
  const options = Object.fromEntries([
    ...SWITCHES.map((name) => [name, { type: 'boolean' as const }]),
    ...[...VALUES, ...names.keys()].map((name) => [name, { type: 'string' as const }]),
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });

  const faults: string[] = [];
  const words: string[] = [];
  const switches = new Set<string>();
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    if (SWITCHES.includes(token.name)) {
      if (token.value !== undefined) faults.push(`--${token.name} takes no value`);
      switches.add(token.name);
    } else if (!VALUES.includes(token.name) && !names.has(token.name)) {
      faults.push(`${token.rawName} is not a flag of this program`);
    } else if (
      token.value === undefined ||
      token.value === '' ||
      (!token.inlineValue && token.value.startsWith('--'))
    ) {
      faults.push(`--${token.name} needs a value`);
    } else if (values.has(token.name)) {
      faults.push(`--${token.name} is given twice`);
    } else {
      values.set(token.name, token.value);
    }
  }

  if (switches.has('version')) return { command: 'version' };
  const [command, ...more] = words;
  if (switches.has('help') || command === 'help') {
    return { command: 'help', of: command === 'drain' || more[0] === 'drain' ? 'drain' : 'program' };
  }
  if (command === undefined) return { command: 'unknown', faults: ['a command is missing: drain', ...faults] };
  if (command !== 'drain')
    return { command: 'unknown', faults: [`${quoted(command)} is not a command of this program`, ...faults] };
  for (const word of more) faults.push(`${quoted(word)} is one word too many`);

  const settings: Partial<Record<SettingName, string>> = {};
  for (const [flag, name] of names) {
    const value = values.get(flag);
    if (value !== undefined) settings[name] = value;
  }
  const kubeconfig = values.get('kubeconfig');
  const node = values.get('node');
  return {
    command: 'drain',
    faults,
    flags: {
      settings,
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(node !== undefined && { node }),
      dryRun: switches.has('dry-run'),
      force: switches.has('force'),
    },
  };
}

/** Short words are shown; a longer one may be the value of a flag that was mistyped, and a secret. */
function quoted(word: string): string {
  return word.length <= 20 ? `'${word}'` : 'a long word';
}

/** The text of `--help`. */
export function helpText(of: 'program' | 'drain', version: string): string {
  if (of === 'program') {
    return `fargate-node-drainer ${version}
Drains the Kubernetes node of an EC2 instance that its Auto Scaling group is terminating, and completes the lifecycle hook.

  drain       drain one node, then exit
  --help      this text; drain --help for the settings
  --version   the version
`;
  }
  const rows = settingRows().map(({ flag, fallback, meaning }) => [
    `${flag} VALUE`,
    fallback === '' ? meaning : `${meaning} (${fallback})`,
  ]);
  return `fargate-node-drainer drain ${version}
  drain --instance-id i-… --cluster-name NAME          an instance that an Auto Scaling group terminates
  drain --kubeconfig FILE --node NAME                  a node of any cluster, without AWS

${table([
  ['--kubeconfig FILE', 'kubeconfig of the cluster, a file on this machine; wins over the bucket and CLUSTER_NAME'],
  ['--node NAME', 'the node to drain, instead of an instance: no hook is touched'],
  ['--dry-run', 'say what would become of every pod, and change nothing'],
  ['--force', 'drain even though the instance is not terminating'],
])}
Settings; each is also read from the environment (--instance-id is INSTANCE_ID), the flag wins:

${table(rows)}
Exit codes: 0 done, or nothing to do; 1 failed, the hook was left alone; 3 the lifecycle action ended first; 64 bad
configuration, or the instance is not terminating; 143 and 130 stopped by SIGTERM and SIGINT.
`;
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left = '']) => left.length));
  return rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}
