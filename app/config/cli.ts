import { parseArgs } from 'node:util';
import { CORDON_SETTINGS, DRAIN_SETTINGS, flagOf, SWEEP_SETTINGS, UNDO_SETTINGS } from './command-settings.ts';
import { type SettingName, settingNames } from './settings.ts';
import { suggestionFor } from './suggestion.ts';

/** What the command line asks for. `errors` are reported together with those of the configuration. */
export type CommandLine =
  | { command: 'help'; of: 'program' | CommandName }
  | { command: 'version' }
  | { command: 'drain'; flags: Flags; errors: readonly string[] }
  | { command: 'cordon'; flags: Flags; errors: readonly string[] }
  | { command: 'undo'; flags: Flags; errors: readonly string[] }
  | { command: 'sweep'; flags: SweepFlags; errors: readonly string[] }
  | { command: 'unknown'; errors: readonly string[] };

export type CommandName = 'drain' | 'cordon' | 'undo' | 'sweep';

export type SweepFlags = {
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  readonly dryRun: boolean;
};

export type Flags = SweepFlags & {
  readonly kubeconfig?: string;
  readonly node?: string;
  readonly force: boolean;
};

const COMMANDS: readonly CommandName[] = ['drain', 'cordon', 'undo', 'sweep'];

/** Flags without a value. */
const SWITCHES = ['dry-run', 'force', 'help', 'version'];

/** Flags with a value that are not settings. */
const VALUES = ['kubeconfig', 'node'];

/** Switches and values that a command does not have. */
const EXCLUDED: Readonly<Record<CommandName, readonly string[]>> = {
  drain: [],
  cordon: ['dry-run', 'force'],
  undo: ['dry-run', 'force'],
  sweep: ['force', ...VALUES],
};

/** An unknown word that is longer than every known one may be a secret in the wrong place: messages do not show it. */
const MAX_SHOWN_WORD = 20;
const MAX_SHOWN_FLAG = 32;

/** Reads the arguments after `node main.mjs`. Never throws: `errors` says what is wrong with them. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { words, switches, values, errors } = readArguments(args);
  const [command, ...more] = words;

  if (switches.has('version')) return { command: 'version' };
  if (switches.has('help') || command === 'help') {
    const of = command === 'help' ? more[0] : command;
    return { command: 'help', of: isCommand(of) ? of : 'program' };
  }
  if (command === undefined) {
    return {
      command: 'unknown',
      errors: [`no command given: use ${COMMANDS.slice(0, -1).join(', ')} or ${COMMANDS.at(-1)}`, ...errors],
    };
  }
  if (!isCommand(command)) {
    return { command: 'unknown', errors: [`unknown command ${shownWord(command)}${didYouMean(command)}`, ...errors] };
  }
  for (const word of more) errors.push(`unexpected argument ${shownWord(word)}`);

  const settings: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const value = values.get(flagOf(name));
    if (value === undefined) continue;
    settings[name] = value;
    if (!settingsOf(command).includes(name)) errors.push(notAFlagOf(command, flagOf(name)));
  }
  const dryRun = switches.has('dry-run');
  for (const flag of EXCLUDED[command]) {
    if (switches.has(flag) || values.has(flag)) errors.push(notAFlagOf(command, flag));
  }
  if (command === 'sweep') return { command, errors, flags: { settings, dryRun } };
  const kubeconfig = values.get('kubeconfig');
  const node = values.get('node');
  return {
    command,
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

type Arguments = {
  readonly words: readonly string[];
  readonly switches: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly errors: string[];
};

/** Sorts the arguments into words, switches and flags with values. */
function readArguments(args: readonly string[]): Arguments {
  const valued = [...VALUES, ...settingNames.map(flagOf)];
  const options = Object.fromEntries([
    ...SWITCHES.map((name) => [name, { type: 'boolean' as const }]),
    ...valued.map((name) => [name, { type: 'string' as const }]),
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });

  const errors: string[] = [];
  const words = tokens.filter((token) => token.kind === 'positional').map(({ value }) => value);
  const switches = new Set<string>();
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (SWITCHES.includes(name)) {
      if (value !== undefined) errors.push(`--${name} takes no value`);
      switches.add(name);
    } else if (!valued.includes(name)) {
      errors.push(`unknown flag ${shownFlag(rawName)}${didYouMeanFlag(name, words[0])}`);
    } else if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('--'))) {
      errors.push(`--${name} needs a value`);
    } else if (values.has(name)) {
      errors.push(`--${name} is given twice`);
    } else {
      values.set(name, value);
    }
  }
  return { words, switches, values, errors };
}

function isCommand(word: string | undefined): word is CommandName {
  return COMMANDS.some((command) => command === word);
}

function settingsOf(command: CommandName): readonly SettingName[] {
  return { drain: DRAIN_SETTINGS, cordon: CORDON_SETTINGS, undo: UNDO_SETTINGS, sweep: SWEEP_SETTINGS }[command];
}

function notAFlagOf(command: CommandName, flag: string): string {
  return `--${flag} is not a flag of ${command}`;
}

function didYouMean(word: string): string {
  const meant = suggestionFor(word, COMMANDS);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/** Suggests only flags that the command has. */
function didYouMeanFlag(name: string, command: string | undefined): string {
  const settings = isCommand(command) ? settingsOf(command) : settingNames;
  const flags = [...SWITCHES, ...VALUES].filter((flag) => !isCommand(command) || !EXCLUDED[command].includes(flag));
  const meant = suggestionFor(name, [...flags, ...settings.map(flagOf)]);
  return meant === undefined ? '' : `; did you mean --${meant}?`;
}

function shownWord(word: string): string {
  return word.length <= MAX_SHOWN_WORD ? `'${word}'` : `of ${word.length} characters`;
}

function shownFlag(rawName: string): string {
  return rawName.length <= MAX_SHOWN_FLAG ? rawName : `of ${rawName.length} characters`;
}
