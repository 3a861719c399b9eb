import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { accessFromKubeconfigFile } from '../../../app/kubernetes/kubeconfig.ts';
import { ManualClock } from '../../support/clock.ts';
import { folder } from '../../support/folder.ts';
import { headersOf, kubeconfig, refusal, SECRET } from '../../support/kubeconfig.ts';

const never = new AbortController().signal;

/** A kubeconfig file, deleted at the end of the test. */
async function fileOf(t: TestContext, text: string): Promise<string> {
  const path = join(await folder(t), 'config');
  await writeFile(path, text);
  return path;
}

// A drain from a laptop needs what kubectl accepts in a local kubeconfig: commands and files.
test('a local kubeconfig file may run a command', async (t) => {
  const credential = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"${SECRET}"}}`;
  const user = `exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      command: echo\n      args: ['${credential}']`;
  const access = await accessFromKubeconfigFile({ path: await fileOf(t, kubeconfig({ user })) }, new ManualClock());
  assert.deepEqual(await headersOf(access), { Authorization: `Bearer ${SECRET}` });
});

// Tokens in files are rotated: the token that was read at the start is refused an hour later.
test('the file is read again after its token is refused', async (t) => {
  const path = await fileOf(t, kubeconfig({ user: 'token: old' }));
  const clock = new ManualClock();
  const access = await accessFromKubeconfigFile({ path }, clock);
  assert.deepEqual(await headersOf(access), { Authorization: 'Bearer old' });
  await writeFile(path, kubeconfig({ user: 'token: new' }));
  await clock.advance(60_000);
  assert.deepEqual(await access.authenticate(true, never), { Authorization: 'Bearer new' });
});

// 'ENOENT' alone does not say which of several files is missing.
test('the error for a missing kubeconfig file contains its path', async () => {
  const failure = await refusal(accessFromKubeconfigFile({ path: '/no/such/file' }, new ManualClock()));
  assert.match(failure.message, /could not read the kubeconfig \/no\/such\/file/);
});

// A file that is being rewritten must not end the drain, and its incomplete content must not appear in the error.
test('a file that becomes invalid during the drain is a transient error', async (t) => {
  const path = await fileOf(t, kubeconfig({ user: 'token: old' }));
  const clock = new ManualClock();
  const access = await accessFromKubeconfigFile({ path }, clock);
  for (const text of ['', `users: [{user: {token: "${SECRET}`, kubeconfig({ user: `token: "${SECRET}\\n"` })]) {
    await writeFile(path, text);
    await clock.advance(60_000);
    const failure = await refusal(access.authenticate(true, never));
    assert.equal(failure.transient, true);
    assert.ok(!`${failure.message} ${String(failure.cause)}`.includes(SECRET));
  }
  await writeFile(path, kubeconfig({ user: 'token: new' }));
  await clock.advance(60_000);
  assert.deepEqual(await access.authenticate(true, never), { Authorization: 'Bearer new' });
});

// The parser's error quoted the output of a command that printed its token without an ExecCredential around it.
test('the output of a command does not appear in an error', async (t) => {
  const user = `exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: [${SECRET}]}`;
  const failure = await refusal(
    accessFromKubeconfigFile({ path: await fileOf(t, kubeconfig({ user })) }, new ManualClock()),
  );
  assert.match(failure.message, /the command in the kubeconfig .* did not print JSON/);
  assert.ok(!`${failure.message} ${String(failure.cause)}`.includes(SECRET));
});
