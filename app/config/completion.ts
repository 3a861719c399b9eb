import * as v from 'valibot';
import { COLORS, COMMANDS, type CommandName, OUTPUTS, otherFlagsOf, SHELLS, type Shell, settingsOf } from './cli.ts';
import { flagOf } from './command-settings.ts';
import { Settings } from './settings.ts';

const PROGRAM = 'fargate-node-drainer';

/** A flag, and the words that it takes; empty: any value; undefined: none. */
type CompletedFlag = { readonly name: string; readonly words?: readonly string[] };

/** A script for the shell that completes commands, flags and their words: `source <(fargate-node-drainer completion bash)`. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash();
    case 'zsh':
      // zsh understands the completions of bash.
      return `#compdef ${PROGRAM}\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case 'fish':
      return fish();
  }
}

function flagsOf(command: CommandName): readonly CompletedFlag[] {
  const { switches, values } = otherFlagsOf(command);
  return [
    ...switches.map((name) => ({ name })),
    ...values.map((name) => ({ name, words: { output: OUTPUTS, color: COLORS }[name] ?? [] })),
    ...settingsOf(command).map((name) => ({ name: flagOf(name), words: wordsOf(name) })),
  ];
}

/** The words of a choice; empty for any other value. */
function wordsOf(name: keyof typeof Settings.entries): readonly string[] {
  const { values } = v.getMetadata(Settings.entries[name].wrapped);
  return typeof values === 'string' && /^[A-Za-z-]+(\|[A-Za-z-]+)+$/.test(values) ? values.split('|') : [];
}

function argumentsOf(command: CommandName): readonly string[] {
  return command === 'completion' ? SHELLS : [];
}

function bash(): string {
  const words = new Map(COMMANDS.flatMap(flagsOf).map(({ name, words }) => [name, words]));
  const choices = [...words].filter(([, words = []]) => words.length > 0);
  const free = [...words].filter(([name, words]) => words?.length === 0 && name !== 'kubeconfig');
  return `_fargate_node_drainer() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  case $before in
${choices.map(([name, words = []]) => `    --${name}) COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word")); return ;;`).join('\n')}
    -o) COMPREPLY=($(compgen -W '${OUTPUTS.join(' ')}' -- "$word")); return ;;
    --kubeconfig) COMPREPLY=($(compgen -f -- "$word")); return ;;
    ${free.map(([name]) => `--${name}`).join('|')}) return ;;
  esac
  case \${COMP_WORDS[1]} in
${COMMANDS.map((command) => `    ${command}) COMPREPLY=($(compgen -W '${[...flagsOf(command).map(({ name }) => `--${name}`), ...argumentsOf(command)].join(' ')}' -- "$word")) ;;`).join('\n')}
    *) COMPREPLY=($(compgen -W '${COMMANDS.join(' ')} --help --version' -- "$word")) ;;
  esac
}
complete -F _fargate_node_drainer ${PROGRAM}
`;
}

function fish(): string {
  const lines = [
    `complete -c ${PROGRAM} -f`,
    `complete -c ${PROGRAM} -n __fish_use_subcommand -a '${COMMANDS.join(' ')}'`,
  ];
  for (const command of COMMANDS) {
    const seen = `complete -c ${PROGRAM} -n '__fish_seen_subcommand_from ${command}'`;
    for (const { name, words } of flagsOf(command)) {
      const value =
        words === undefined
          ? ''
          : name === 'kubeconfig'
            ? ' -r -F'
            : ` -x${words.length > 0 ? ` -a '${words.join(' ')}'` : ''}`;
      lines.push(`${seen} -l ${name}${value}`);
    }
    if (argumentsOf(command).length > 0) lines.push(`${seen} -a '${argumentsOf(command).join(' ')}'`);
  }
  return `${lines.join('\n')}\n`;
}
