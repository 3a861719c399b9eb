import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../../app/config/cli.ts';
import { helpText } from '../../../app/config/help.ts';
import { DRAIN_SETTINGS, flagOf, SWEEP_SETTINGS, settingNames, settingRows } from '../../../app/config/settings.ts';

function faultsOf(...args: string[]): readonly string[] {
  const line = readCommandLine(args);
  return 'errors' in line ? line.errors : [];
}

test('the commands, and what asks for help or the version', () => {
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
  assert.equal(command('--version'), 'version');
  assert.equal(command('drain', '--version'), 'version');
  assert.equal(command(), 'unknown');
  assert.equal(command('drian'), 'unknown');
});

// A flag that is mistyped and ignored drains with the default of the one that was meant: --dry-run, for instance.
test('whatever is not understood is a fault, each by its name', () => {
  assert.deepEqual(faultsOf('drain', '--dryrun', '-f', '--node', 'a'), [
    '--dryrun is not a flag of this program',
    '-f is not a flag of this program',
  ]);
  assert.deepEqual(faultsOf('drain', 'node-a'), ["'node-a' is one word too many"]);
  assert.deepEqual(faultsOf('drian', '--x'), [
    "'drian' is not a command of this program",
    '--x is not a flag of this program',
  ]);
  assert.deepEqual(faultsOf('--node', 'a'), ['a command is missing: drain, or sweep']);
});

test('values: missing, empty, given twice, or given to a switch', () => {
  assert.deepEqual(faultsOf('drain', '--node'), ['--node needs a value']);
  assert.deepEqual(faultsOf('drain', '--node='), ['--node needs a value']);
  assert.deepEqual(faultsOf('drain', '--node', 'a', '--node', 'b'), ['--node is given twice']);
  assert.deepEqual(faultsOf('drain', '--dry-run=no'), ['--dry-run takes no value']);
});

// `--kubeconfig --dry-run` once was a kubeconfig of that name, and a drain in earnest.
test('a flag is not the value of the one before it', () => {
  const line = readCommandLine(['drain', '--kubeconfig', '--dry-run', '--node', 'a']);
  assert.ok(line.command === 'drain');
  assert.deepEqual(line.errors, ['--kubeconfig needs a value']);
  const meant = readCommandLine(['drain', '--kube-config-object=--odd-name']);
  assert.ok(meant.command === 'drain');
  assert.deepEqual([meant.errors, meant.flags.settings], [[], { KUBE_CONFIG_OBJECT: '--odd-name' }]);
});

test('every setting has a flag of its name, with the commands that read it and with no other', () => {
  const commands = { drain: DRAIN_SETTINGS, sweep: SWEEP_SETTINGS };
  for (const [command, read] of Object.entries(commands)) {
    for (const name of settingNames) {
      const line = readCommandLine([command, `--${flagOf(name)}`, 'some-value']);
      assert.ok(line.command === 'drain' || line.command === 'sweep');
      assert.deepEqual(line.flags.settings, { [name]: 'some-value' });
      assert.deepEqual(line.errors, read.includes(name) ? [] : [`--${flagOf(name)} is not a flag of ${command}`]);
    }
  }
  for (const name of settingNames) assert.ok(DRAIN_SETTINGS.includes(name) || SWEEP_SETTINGS.includes(name), name);
});

// `sweep --node a` would look at every group of the region, and never at that node.
test('what only a drain understands is no flag of sweep', () => {
  assert.deepEqual(faultsOf('sweep', '--node', 'a', '--force', '--dry-run'), [
    '--force is not a flag of sweep',
    '--node is not a flag of sweep',
  ]);
});

// A setting that the help does not tell is one that nobody finds.
test('the help tells every setting with its meaning and default, and the version', () => {
  for (const [command, names] of [
    ['drain', DRAIN_SETTINGS],
    ['sweep', SWEEP_SETTINGS],
  ] as const) {
    const help = helpText(command, '1.2.3');
    for (const { flag, defaultValue, description } of settingRows(names)) {
      assert.ok(help.includes(`${flag} VALUE`), flag);
      assert.ok(description !== '' && help.includes(description), flag);
      if (defaultValue !== '') assert.ok(help.includes(`(${defaultValue})`), flag);
    }
  }
  const help = helpText('drain', '1.2.3');
  for (const flag of ['--kubeconfig', '--node', '--dry-run', '--force']) assert.ok(help.includes(flag), flag);
  assert.match(help, /drain 1\.2\.3\n/);
  assert.match(helpText('program', '1.2.3'), /fargate-node-drainer 1\.2\.3\n/);
});

test('the rows of the settings name their variable, flag and default', () => {
  const rows = new Map(settingRows().map((row) => [row.name, row]));
  assert.equal(rows.size, settingNames.length);
  assert.equal(rows.get('CONNECT_TIMEOUT_SECONDS')?.flag, '--connect-timeout-seconds');
  assert.equal(rows.get('CONNECT_TIMEOUT_SECONDS')?.defaultValue, '120');
  assert.equal(rows.get('DRAIN_DEADLINE_SECONDS')?.defaultValue, '');
});
