import { parseArgs } from 'node:util';
import { DRAIN_SETTINGS, flagOf, type SettingName, SWEEP_SETTINGS, settingNames } from './settings.ts';

/** What the command line asks for. `errors` are told together with those of the configuration. */
export type CommandLine =
  | { command: 'help'; of: 'program' | CommandName }
  | { command: 'version' }
  | { command: 'drain'; flags: Flags; errors: readonly string[] }
  | { command: 'sweep'; flags: SweepFlags; errors: readonly string[] }
  | { command: 'unknown'; errors: readonly string[] };

export type CommandName = 'drain' | 'sweep';

export type SweepFlags = {
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  readonly dryRun: boolean;
};

export type Flags = SweepFlags & {
  readonly kubeconfig?: string;
  readonly node?: string;
  readonly force: boolean;
};

const SWITCHES = ['dry-run', 'force', 'help', 'version'];
const VALUES = ['kubeconfig', 'node'];
const DRAIN_ONLY = ['force', ...VALUES];

/** Reads the arguments after `node main.mjs`. Never throws: what is wrong with them is in `errors`. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const names = new Map(settingNames.map((name) => [flagOf(name), name]));
  const options = Object.fromEntries([
    ...SWITCHES.map((name) => [name, { type: 'boolean' as const }]),
    ...[...VALUES, ...names.keys()].map((name) => [name, { type: 'string' as const }]),
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });

  const errors: string[] = [];
  const words: string[] = [];
  const switches = new Set<string>();
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    if (SWITCHES.includes(token.name)) {
      if (token.value !== undefined) errors.push(`--${token.name} takes no value`);
      switches.add(token.name);
    } else if (!VALUES.includes(token.name) && !names.has(token.name)) {
      errors.push(`${token.rawName} is not a flag of this program`);
    } else if (
      token.value === undefined ||
      token.value === '' ||
      (!token.inlineValue && token.value.startsWith('--'))
    ) {
      errors.push(`--${token.name} needs a value`);
    } else if (values.has(token.name)) {
      errors.push(`--${token.name} is given twice`);
    } else {
      values.set(token.name, token.value);
    }
  }

  if (switches.has('version')) return { command: 'version' };
  const [command, ...more] = words;
  if (switches.has('help') || command === 'help') {
    const of = command === 'help' ? more[0] : command;
    return { command: 'help', of: isCommand(of) ? of : 'program' };
  }
  if (command === undefined)
    return { command: 'unknown', errors: ['a command is missing: drain, or sweep', ...errors] };
  if (!isCommand(command))
    return { command: 'unknown', errors: [`${quoted(command)} is not a command of this program`, ...errors] };
  for (const word of more) errors.push(`${quoted(word)} is one word too many`);

  const readBy: readonly SettingName[] = command === 'drain' ? DRAIN_SETTINGS : SWEEP_SETTINGS;
  const settings: Partial<Record<SettingName, string>> = {};
  for (const [flag, name] of names) {
    const value = values.get(flag);
    if (value === undefined) continue;
    settings[name] = value;
    if (!readBy.includes(name)) errors.push(`--${flag} is not a flag of ${command}`);
  }
  const dryRun = switches.has('dry-run');
  if (command === 'sweep') {
    for (const flag of DRAIN_ONLY) {
      if (switches.has(flag) || values.has(flag)) errors.push(`--${flag} is not a flag of sweep`);
    }
    return { command, errors, flags: { settings, dryRun } };
  }
  const kubeconfig = values.get('kubeconfig');
  const node = values.get('node');
  return {
    command: 'drain',
    errors,
    flags: {
      settings,
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(node !== undefined && { node }),
      dryRun,
      force: switches.has('force'),
    },
  };
}

function isCommand(word: string | undefined): word is CommandName {
  return word === 'drain' || word === 'sweep';
}

/** Short words are shown; a longer one may be the value of a flag that was mistyped, and a secret. */
function quoted(word: string): string {
  return word.length <= 20 ? `'${word}'` : 'a long word';
}
