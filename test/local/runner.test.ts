import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loud, runProgram, StepFailed } from '../../scripts/local/runner.ts';

const node = (script: string) => [process.execPath, '--eval', script] as const;

// A missing program that throws would be reported as a bug of the script, with a stack.
test('a program that is not there ends with 127', async () => {
  assert.equal((await runProgram(['no-such-program-anywhere'])).code, 127);
  assert.equal((await runProgram(['no-such-program-anywhere'], { show: true })).code, 127);
});

// An output that is cut off, or mixed with the other, makes half a kubeconfig.
test('a program gives its whole output, each stream for itself, and its exit code', async () => {
  const script = "console.log('x'.repeat(200_000)); console.error(process.env.WHO); process.exitCode = 3";
  const { code, stdout, stderr } = await runProgram(node(script), { environment: { WHO: 'me' } });
  assert.deepEqual({ code, stdout: stdout.length, stderr }, { code: 3, stdout: 200_001, stderr: 'me\n' });
});

// A killed program has no exit code, and must not count as one that worked.
test('a program that is killed has not worked', async () => {
  assert.notEqual((await runProgram(node("process.kill(process.pid, 'SIGKILL')"))).code, 0);
});

// Somebody who cannot see what is run cannot tell which of it went wrong.
test('a loud runner says the command first, and fails with what the command complained of', async () => {
  const said: string[] = [];
  const run = loud(runProgram, (line) => said.push(line));
  await assert.rejects(
    run(node("console.error('no space left'); process.exitCode = 2")),
    (error: unknown) => error instanceof StepFailed && /ended with 2: no space left$/.test(error.message),
  );
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /^ {2}\$ .*no space left/);
});
