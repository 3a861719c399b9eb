import { parseArgs } from 'node:util';
import { CORDON_SETTINGS, DRAIN_SETTINGS, flagOf, SWEEP_SETTINGS, UNDO_SETTINGS } from './command-settings.ts';
import { KUBECTL_VALUES, kubectlAdvice } from './kubectl-flags.ts';
import { type SettingName, settingNames } from './settings.ts';
import { suggestionFor } from './suggestion.ts';

/** What the command line asks for. `errors` are reported together with those of the configuration. */
export type CommandLine =
  | { command: 'help'; of: 'program' | CommandName }
  | { command: 'version' }
  | { command: 'completion'; shell: Shell }
  | { command: 'drain'; flags: Flags; view: View; errors: readonly string[] }
  | { command: 'cordon'; flags: Flags; view: View; errors: readonly string[] }
  | { command: 'undo'; flags: Flags; view: View; errors: readonly string[] }
  | { command: 'sweep'; flags: SweepFlags; view: View; errors: readonly string[] }
  | { command: 'unknown'; errors: readonly string[] };

export type CommandName = 'drain' | 'cordon' | 'undo' | 'sweep' | 'completion';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** How the run is shown. Absent: by what the output is. */
export type View = { readonly output?: (typeof OUTPUTS)[number]; readonly color?: (typeof COLORS)[number] };

export const OUTPUTS = ['live', 'text', 'json'] as const;
export const COLORS = ['auto', 'always', 'never'] as const;

export type SweepFlags = {
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  readonly dryRun: boolean;
};

export type Flags = SweepFlags & {
  readonly kubeconfig?: string;
  /** The context of the kubeconfig; absent: its current one. */
  readonly context?: string;
  readonly node?: string;
  /** Drain an instance even if it is not terminating. */
  readonly force: boolean;
};

export const COMMANDS: readonly CommandName[] = ['drain', 'cordon', 'undo', 'sweep', 'completion'];

/** Flags without a value. */
const SWITCHES = ['dry-run', 'even-if-not-terminating', 'help', 'version'];

/** Flags with a value that are not settings. */
const VALUES = ['kubeconfig', 'context', 'node', 'output', 'color'];

const SHORT: Readonly<Record<string, string>> = { h: 'help', V: 'version', o: 'output' };

/** Switches and values that a command does not have. */
const EXCLUDED: Readonly<Record<CommandName, readonly string[]>> = {
  drain: [],
  cordon: ['dry-run', 'even-if-not-terminating'],
  undo: ['dry-run', 'even-if-not-terminating'],
  sweep: ['even-if-not-terminating', 'kubeconfig', 'context', 'node'],
  completion: ['dry-run', 'even-if-not-terminating', ...VALUES],
};

/** An unknown word that is longer than every known one may be a secret in the wrong place: messages do not show it. */
const MAX_SHOWN_WORD = 20;
const MAX_SHOWN_FLAG = 32;

/** Reads the arguments after `node main.mjs`. Never throws: `errors` says what is wrong with them. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { words, switches, values, errors } = readArguments(args);
  const [command, ...more] = words;

  if (switches.has('version')) return { command: 'version' };
  if (switches.has('help') || command === 'help' || args.length === 0) {
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
  if (command === 'completion') return completionOf(more, errors);
  const view = viewOf(values, errors);
  if (command === 'sweep') {
    for (const word of more) errors.push(`unexpected argument ${shownWord(word)}`);
    return { command, errors, view, flags: { settings, dryRun } };
  }
  const kubeconfig = values.get('kubeconfig');
  const context = values.get('context');
  const node = nodeOf(more, values.get('node'), errors);
  return {
    command,
    errors,
    view,
    flags: {
      settings,
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
      ...(node !== undefined && { node }),
      dryRun,
      force: switches.has('even-if-not-terminating'),
    },
  };
}

/** `drain NODE`, and `drain node/NODE` as kubectl prints it. What cannot be a node may be a secret in the wrong place. */
function nodeOf(words: readonly string[], flag: string | undefined, errors: string[]): string | undefined {
  const [word, ...more] = words;
  for (const other of more) errors.push(`unexpected argument ${shownWord(other)}`);
  if (word === undefined) return flag;
  const node = word.replace(/^nodes?\//, '');
  if (!/^[a-z0-9][-a-z0-9.]*$/.test(node)) errors.push(`unexpected argument ${shownWord(word)}`);
  else if (flag !== undefined) errors.push(`the node is given twice: by --node, and as ${shownWord(word)}`);
  return flag ?? node;
}

function viewOf(values: ReadonlyMap<string, string>, errors: string[]): View {
  const output = oneOf('output', OUTPUTS, values, errors);
  const color = oneOf('color', COLORS, values, errors);
  return { ...(output !== undefined && { output }), ...(color !== undefined && { color }) };
}

function oneOf<T extends string>(
  flag: string,
  words: readonly T[],
  values: ReadonlyMap<string, string>,
  errors: string[],
): T | undefined {
  const value = values.get(flag);
  const found = words.find((word) => word === value);
  if (value !== undefined && found === undefined) {
    errors.push(`--${flag} (${shownWord(value)}) must be one of ${words.join(', ')}`);
  }
  return found;
}

function completionOf(words: readonly string[], errors: string[]): CommandLine {
  const [shell, ...more] = words;
  const found = SHELLS.find((name) => name === shell);
  if (found === undefined || more.length > 0) errors.push(`completion needs the name of a shell: ${SHELLS.join(', ')}`);
  return errors.length > 0 || found === undefined
    ? { command: 'unknown', errors }
    : { command: 'completion', shell: found };
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
  const shorts = new Map(Object.entries(SHORT).map(([short, name]) => [name, { short }]));
  const options = Object.fromEntries([
    ...SWITCHES.map((name) => [name, { type: 'boolean' as const, ...shorts.get(name) }]),
    ...[...KUBECTL_VALUES, ...valued].map((name) => [name, { type: 'string' as const, ...shorts.get(name) }]),
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });

  const errors: string[] = [];
  const words = tokens.filter((token) => token.kind === 'positional').map(({ value }) => value);
  const switches = new Set<string>();
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const advice = kubectlAdvice(name);
    if (SWITCHES.includes(name)) {
      // As kubectl writes it: the API server is asked, and changes nothing.
      const isServer = name === 'dry-run' && value === 'server';
      if (value !== undefined && !isServer) {
        errors.push(name === 'dry-run' ? '--dry-run takes no value but server' : `--${name} takes no value`);
      }
      switches.add(name);
    } else if (advice !== undefined) {
      errors.push(`--${name} is a flag of kubectl drain: ${advice}`);
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

/** The settings that are flags of a command. */
export function settingsOf(command: CommandName): readonly SettingName[] {
  return {
    drain: DRAIN_SETTINGS,
    cordon: CORDON_SETTINGS,
    undo: UNDO_SETTINGS,
    sweep: SWEEP_SETTINGS,
    completion: [],
  }[command];
}

/** The other flags of a command. */
export function otherFlagsOf(command: CommandName): { switches: readonly string[]; values: readonly string[] } {
  const has = (flag: string) => !EXCLUDED[command].includes(flag);
  return { switches: SWITCHES.filter(has), values: VALUES.filter(has) };
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
