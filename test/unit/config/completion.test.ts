import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { SHELLS } from '../../../app/config/cli.ts';
import { completionScript } from '../../../app/config/completion.ts';

/** What bash offers after these words, the last of which is being typed; undefined: there is no bash. */
function offered(...words: string[]): readonly string[] | undefined {
  const typed = ['fargate-node-drainer', ...words].map((word) => `'${word}'`).join(' ');
  const script = `${completionScript('bash')}
COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _fargate_node_drainer; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { error, status, stdout } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  assert.equal(status, 0);
  return stdout.split('\n').filter(Boolean);
}

// A script that ends with a syntax error is sourced by every new shell.
test('bash completes commands, flags of the command, and the words of a choice', (t) => {
  const commands = offered('d');
  if (commands === undefined) return t.skip('there is no bash');
  assert.deepEqual(commands, ['drain']);
  assert.deepEqual(offered('completion', ''), ['--help', '--version', 'bash', 'zsh', 'fish']);
  assert.deepEqual(offered('drain', '--load-balancer-e'), ['--load-balancer-exclusion']);
  assert.deepEqual(offered('sweep', '--nod'), []);
  assert.deepEqual(offered('drain', '--on-failure', 'a'), ['abandon']);
  assert.deepEqual(offered('drain', '-o', ''), ['live', 'text', 'json']);
  assert.deepEqual(offered('drain', '--cluster-name', ''), []);
});

// A user of another shell gets bash's script, or none.
test('there is a script for each shell', () => {
  assert.deepEqual(
    SHELLS.map((shell) => completionScript(shell).split('\n')[0]),
    ['_fargate_node_drainer() {', '#compdef fargate-node-drainer', 'complete -c fargate-node-drainer -f'],
  );
  assert.match(completionScript('fish'), /from drain' -l on-failure -x -a 'leave abandon continue'/);
});
