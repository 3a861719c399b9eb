import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../../app/config/cli.ts';
import {
  CORDON_SETTINGS,
  DRAIN_SETTINGS,
  flagOf,
  SWEEP_SETTINGS,
  settingRows,
  UNDO_SETTINGS,
} from '../../../app/config/command-settings.ts';
import { helpText } from '../../../app/config/help.ts';
import { SETTING_GROUPS } from '../../../app/config/setting-groups.ts';
import { settingNames } from '../../../app/config/settings.ts';

function errorsOf(...args: string[]): readonly string[] {
  const line = readCommandLine(args);
  return 'errors' in line ? line.errors : [];
}

// --help after a command runs the command.
test('a command line names a command, or asks for help or the version', () => {
  const command = (...args: string[]) => {
    const line = readCommandLine(args);
    return line.command === 'help' ? `help of ${line.of}` : line.command;
  };
  assert.equal(command('drain'), 'drain');
  assert.equal(command('--help'), 'help of program');
  assert.equal(command('help'), 'help of program');
  assert.equal(command('help', 'drain'), 'help of drain');
  assert.equal(command('drain', '--help'), 'help of drain');
  assert.equal(command('sweep', '--help'), 'help of sweep');
  assert.equal(command('sweep'), 'sweep');
  assert.equal(command('undo'), 'undo');
  assert.equal(command('undo', '--help'), 'help of undo');
  assert.equal(command('help', 'undo'), 'help of undo');
  assert.equal(command('--version'), 'version');
  assert.equal(command('drain', '--version'), 'version');
  assert.equal(command('-V'), 'version');
  assert.equal(command('drain', '-h'), 'help of drain');
  // Whoever types the bare name asks what it is.
  assert.equal(command(), 'help of program');
  assert.equal(command('drian'), 'unknown');
  assert.equal(command('completion', 'zsh'), 'completion');
});

// A mistyped flag is ignored, and the drain runs with the default of the flag that was meant: --dry-run, for instance.
test('unknown flags, commands and arguments are errors that name them', () => {
  assert.deepEqual(errorsOf('drain', '--dryrun', '-f', '--node', 'a'), [
    'unknown flag --dryrun; did you mean --dry-run?',
    'unknown flag -f',
  ]);
  assert.deepEqual(errorsOf('drain', 'Node_A'), ["unexpected argument 'Node_A'"]);
  assert.deepEqual(errorsOf('sweep', 'node-a'), ["unexpected argument 'node-a'"]);
  assert.deepEqual(errorsOf('completion', 'tcsh'), ['completion needs the name of a shell: bash, zsh, fish']);
  assert.deepEqual(errorsOf('drian', '--x'), ["unknown command 'drian'; did you mean drain?", 'unknown flag --x']);
  assert.deepEqual(errorsOf('--node', 'a'), ['no command given: use drain, cordon, undo, sweep or completion']);
});

// A setting of `drain` is suggested for `sweep`, which refuses it too.
test('only flags of the command are suggested', () => {
  assert.deepEqual(errorsOf('drain', '--conect-timeout-seconds=7'), [
    'unknown flag --conect-timeout-seconds; did you mean --connect-timeout-seconds?',
  ]);
  assert.deepEqual(errorsOf('drain', '--connect-timeout', '7').slice(0, 1), [
    'unknown flag --connect-timeout; did you mean --connect-timeout-seconds?',
  ]);
  assert.deepEqual(errorsOf('sweep', '--connect-timeout=7'), ['unknown flag --connect-timeout']);
  assert.deepEqual(errorsOf('sweep', '--nod=a'), ['unknown flag --nod']);
  assert.deepEqual(errorsOf('drian', '--nod=a').slice(1), ['unknown flag --nod; did you mean --node?']);
});

// A secret that was pasted in the wrong place is printed to a log.
test('a long unknown word or flag is not shown', () => {
  const secret = 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYwJ';
  assert.deepEqual(errorsOf(secret), ['unknown command of 40 characters']);
  assert.deepEqual(errorsOf('drain', secret), ['unexpected argument of 40 characters']);
  assert.deepEqual(errorsOf('drain', `--${secret}`, `--${secret}=${secret}`), [
    'unknown flag of 42 characters',
    'unknown flag of 42 characters',
  ]);
  assert.deepEqual(errorsOf('drain', `--token=${secret}`), ['unknown flag --token']);
});

// `--node "$UNSET"` drains something else than was meant.
test('a missing, empty or repeated value is an error, and so is a value for a switch', () => {
  assert.deepEqual(errorsOf('drain', '--node'), ['--node needs a value']);
  assert.deepEqual(errorsOf('drain', '--node='), ['--node needs a value']);
  assert.deepEqual(errorsOf('drain', '--node', 'a', '--node', 'b'), ['--node is given twice']);
  assert.deepEqual(errorsOf('drain', '--dry-run=no'), ['--dry-run takes no value but server']);
  assert.deepEqual(errorsOf('drain', '--help=no'), []);
  assert.deepEqual(errorsOf('drain', '--even-if-not-terminating=no'), ['--even-if-not-terminating takes no value']);
});

// `--kubeconfig --dry-run` is a kubeconfig of that name, and a drain that changes the node.
test('a flag is not taken as the value of the flag before it', () => {
  const line = readCommandLine(['drain', '--kubeconfig', '--dry-run', '--node', 'a']);
  assert.ok(line.command === 'drain');
  assert.deepEqual(line.errors, ['--kubeconfig needs a value']);
  const meant = readCommandLine(['drain', '--kube-config-object=--odd-name']);
  assert.ok(meant.command === 'drain');
  assert.deepEqual([meant.errors, meant.flags.settings], [[], { KUBE_CONFIG_OBJECT: '--odd-name' }]);
});

// A setting is accepted by a command that ignores it.
test('every setting is a flag of the commands that read it, and of no other command', () => {
  const commands = { drain: DRAIN_SETTINGS, cordon: CORDON_SETTINGS, undo: UNDO_SETTINGS, sweep: SWEEP_SETTINGS };
  for (const [command, read] of Object.entries(commands)) {
    for (const name of settingNames) {
      const line = readCommandLine([command, `--${flagOf(name)}`, 'some-value']);
      assert.ok('flags' in line);
      assert.deepEqual(line.flags.settings, { [name]: 'some-value' });
      assert.deepEqual(line.errors, read.includes(name) ? [] : [`--${flagOf(name)} is not a flag of ${command}`]);
    }
  }
  for (const name of settingNames)
    assert.ok(
      Object.values(commands).some((read) => read.includes(name)),
      name,
    );
});

// `sweep --node a` sweeps every group of the region, and ignores that node.
test('flags that only drain understands are not flags of sweep', () => {
  assert.deepEqual(errorsOf('sweep', '--node', 'a', '--even-if-not-terminating', '--dry-run'), [
    '--even-if-not-terminating is not a flag of sweep',
    '--node is not a flag of sweep',
  ]);
});

// `undo --dry-run` uncordons the node of somebody who wanted to see first what it would do.
test('undo takes a node, an instance and a cluster, and no switch', () => {
  const line = readCommandLine(['undo', '--node', 'a', '--kubeconfig', '/k', '--unproven-node=accept']);
  assert.ok(line.command === 'undo');
  const { node, kubeconfig, settings, dryRun, force } = line.flags;
  assert.deepEqual([line.errors, node, kubeconfig, dryRun, force], [[], 'a', '/k', false, false]);
  assert.deepEqual(settings, { UNPROVEN_NODE: 'accept' });
  assert.deepEqual(errorsOf('undo', '--instance-id', 'i-1', '--cluster-name', 'prod', '--aws-region', 'eu-west-1'), []);
  assert.deepEqual(errorsOf('undo', '--dry-run', '--even-if-not-terminating', '--on-failure=leave'), [
    '--on-failure is not a flag of undo',
    '--dry-run is not a flag of undo',
    '--even-if-not-terminating is not a flag of undo',
  ]);
  assert.deepEqual(errorsOf('undoo'), ["unknown command 'undoo'; did you mean undo?"]);
  assert.deepEqual(errorsOf('undo', '--dryrun', '--nod=a'), [
    'unknown flag --dryrun',
    'unknown flag --nod; did you mean --node?',
  ]);
});

// Somebody who comes from kubectl types the node as its output shows it, and gets an error for each word.
test('drain, cordon and undo take the node as an argument', () => {
  for (const command of ['drain', 'cordon', 'undo'])
    for (const words of [['ip-10-0-0-1.internal'], ['node/ip-10-0-0-1.internal'], ['--node', 'ip-10-0-0-1.internal']]) {
      const line = readCommandLine([command, ...words, '--context', 'blue', '--kubeconfig', '/k']);
      assert.ok('flags' in line && 'node' in line.flags);
      assert.deepEqual([line.errors, line.flags.node, line.flags.context], [[], 'ip-10-0-0-1.internal', 'blue']);
    }
  assert.deepEqual(errorsOf('drain', 'a', '--node', 'b'), ["the node is given twice: by --node, and as 'a'"]);
  assert.deepEqual(errorsOf('drain', 'a', 'b'), ["unexpected argument 'b'"]);
});

// A flag that means something else here, or nothing, is silently ignored: --grace-period=0, for instance.
test('each flag of kubectl drain is answered with what to do instead', () => {
  for (const flag of [
    ...['ignore-daemonsets', 'delete-emptydir-data', 'delete-local-data', 'force', 'grace-period=0', 'timeout=1m'],
    ...['disable-eviction', 'skip-wait-for-delete-timeout=1', 'pod-selector=a=b', 'selector=a=b', 'chunk-size=500'],
  ]) {
    const [error = '', ...more] = errorsOf('drain', 'node-a', `--${flag}`);
    assert.match(error, new RegExp(`^--${flag.split('=')[0]} is a flag of kubectl drain: .{20}`));
    assert.deepEqual(more, []);
  }
  // Its value is not taken for the node.
  assert.equal(errorsOf('drain', '--timeout', '60s', 'node-a').length, 1);
  const line = readCommandLine(['drain', 'node-a', '--dry-run=server']);
  assert.ok(line.command === 'drain');
  assert.deepEqual([line.errors, line.flags.dryRun], [[], true]);
});

// A pipe gets control characters, or a terminal gets JSON.
test('the view is chosen by --output and --color', () => {
  const line = readCommandLine(['drain', '-o', 'text', '--color=never']);
  assert.ok(line.command === 'drain');
  assert.deepEqual([line.errors, line.view], [[], { output: 'text', color: 'never' }]);
  assert.deepEqual(errorsOf('drain', '-o', 'yaml', '--color', 'blue'), [
    "--output ('yaml') must be one of live, text, json",
    "--color ('blue') must be one of auto, always, never",
  ]);
});

// A setting that nobody finds, or whose values have to be guessed.
test('the help lists every setting with its values, meaning and default, and the version', () => {
  for (const [command, names] of [
    ['drain', DRAIN_SETTINGS],
    ['undo', UNDO_SETTINGS],
    ['sweep', SWEEP_SETTINGS],
  ] as const) {
    const help = helpText(command, '1.2.3');
    const text = help.replaceAll(/\s+/g, ' ');
    for (const { flag, values, defaultValue, description } of settingRows(names)) {
      const shown = defaultValue === '' ? description : `${description} (default: ${defaultValue})`;
      assert.ok(values !== '' && description !== '', flag);
      assert.ok(help.includes(`  ${flag} ${values}\n      `), flag);
      assert.ok(text.includes(` ${flag} ${values} ${shown} `), flag);
    }
  }
  const help = helpText('drain', '1.2.3');
  assert.match(help, /--missing-node auto\|continue\|abandon\n/);
  assert.match(help, /--connect-timeout-seconds 1\.\.3600\n/);
  for (const flag of ['--kubeconfig', '--node', '--dry-run', '--even-if-not-terminating', '--context', '-o, --output'])
    assert.ok(help.includes(flag), flag);
  assert.match(help, /^fargate-node-drainer drain 1\.2\.3\n/);
  assert.match(helpText('program', '1.2.3'), /fargate-node-drainer 1\.2\.3\n/);
  for (const command of ['drain', 'undo', 'sweep'])
    assert.match(helpText('program', '1.2.3'), new RegExp(`^  ${command} `, 'm'));
});

// A line that a terminal breaks in the middle of a word, or a setting that is in no group and so not in the help.
test('no line of the help is wider than 100 columns, and every setting is in one group', () => {
  for (const page of ['program', 'drain', 'cordon', 'undo', 'sweep', 'completion'] as const)
    for (const line of helpText(page, '1.2.3').split('\n')) assert.ok(line.length <= 100, line);
  assert.deepEqual(SETTING_GROUPS.flatMap(([, names]) => names).sort(), [...settingNames].sort());
});

// A table of settings whose defaults are those of other settings.
test('a row of the settings has the name, flag, values and default', () => {
  const rows = new Map(settingRows().map((row) => [row.name, row]));
  assert.equal(rows.size, settingNames.length);
  assert.equal(rows.get('CONNECT_TIMEOUT_SECONDS')?.flag, '--connect-timeout-seconds');
  assert.equal(rows.get('CONNECT_TIMEOUT_SECONDS')?.defaultValue, '120');
  assert.equal(rows.get('CONNECT_TIMEOUT_SECONDS')?.values, '1..3600');
  assert.equal(rows.get('ON_FAILURE')?.values, 'leave|abandon|continue');
  assert.equal(rows.get('DRAIN_DEADLINE_SECONDS')?.defaultValue, '');
});
