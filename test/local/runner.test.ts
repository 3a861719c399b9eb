import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loud, runProgram, StepFailed } from '../../scripts/local/runner.ts';

const node = (script: string) => [process.execPath, '--eval', script] as const;

// A missing program is reported as a bug of the script, with a stack trace.
test('a program that does not exist gives exit code 127', async () => {
  assert.equal((await runProgram(['no-such-program-anywhere'])).code, 127);
  assert.equal((await runProgram(['no-such-program-anywhere'], { show: true })).code, 127);
});

// Truncated or mixed output gives a broken kubeconfig.
test('the whole output, separate for stdout and stderr, and the exit code are returned', async () => {
  const script = "console.log('x'.repeat(200_000)); console.error(process.env.WHO); process.exitCode = 3";
  const { code, stdout, stderr } = await runProgram(node(script), { environment: { WHO: 'me' } });
  assert.deepEqual({ code, stdout: stdout.length, stderr }, { code: 3, stdout: 200_001, stderr: 'me\n' });
});

// A killed program has no exit code, and counts as successful.
test('a killed program gives an exit code other than 0', async () => {
  assert.notEqual((await runProgram(node("process.kill(process.pid, 'SIGKILL')"))).code, 0);
});

// Without the commands, a user cannot see which of them failed.
test("a loud runner prints the command first, and fails with the command's stderr", async () => {
  const printed: string[] = [];
  const run = loud(runProgram, (line) => printed.push(line));
  await assert.rejects(
    run(node("console.error('no space left'); process.exitCode = 2")),
    (error: unknown) => error instanceof StepFailed && /ended with 2: no space left$/.test(error.message),
  );
  assert.equal(printed.length, 1);
  assert.match(printed[0] ?? '', /^ {2}\$ .*no space left/);
});
