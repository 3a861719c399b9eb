import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { accessFromKubeconfigFile } from '../../../app/kubernetes/kubeconfig.ts';
import { HandClock } from '../../support/clock.ts';
import { folder } from '../../support/folder.ts';
import { headersOf, kubeconfig, refusal, SECRET } from '../../support/kubeconfig.ts';

const never = new AbortController().signal;

/** A kubeconfig file that lives as long as the test. */
async function fileOf(t: TestContext, text: string): Promise<string> {
  const path = join(await folder(t), 'config');
  await writeFile(path, text);
  return path;
}

// kubectl accepts commands and files in one's own kubeconfig, and so must a drain from one's own machine.
test('a kubeconfig file of this machine may run a command', async (t) => {
  const credential = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"${SECRET}"}}`;
  const user = `exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      command: echo\n      args: ['${credential}']`;
  const access = await accessFromKubeconfigFile(await fileOf(t, kubeconfig({ user })), new HandClock());
  assert.deepEqual(await headersOf(access), { Authorization: `Bearer ${SECRET}` });
});

// Tokens in files are rotated: the one that was read at the start is refused an hour later.
test('after a refusal the file is read again', async (t) => {
  const path = await fileOf(t, kubeconfig({ user: 'token: old' }));
  const clock = new HandClock();
  const access = await accessFromKubeconfigFile(path, clock);
  assert.deepEqual(await headersOf(access), { Authorization: 'Bearer old' });
  await writeFile(path, kubeconfig({ user: 'token: new' }));
  await clock.advance(60_000);
  assert.deepEqual(await access.authenticate(true, never), { Authorization: 'Bearer new' });
});

test('a kubeconfig file that is not there is named', async () => {
  const failure = await refusal(accessFromKubeconfigFile('/no/such/file', new HandClock()));
  assert.match(failure.message, /\/no\/such\/file cannot be read/);
});

// Somebody writes the file anew just now: that ends no drain, and the half of it that is there is not told.
test('a file that cannot be read any more is a failure that may pass', async (t) => {
  const path = await fileOf(t, kubeconfig({ user: 'token: old' }));
  const clock = new HandClock();
  const access = await accessFromKubeconfigFile(path, clock);
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

// A command that prints its token, and not an ExecCredential around it, had the token in the parser's error.
test('what a command printed is not told', async (t) => {
  const user = `exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: [${SECRET}]}`;
  const failure = await refusal(accessFromKubeconfigFile(await fileOf(t, kubeconfig({ user })), new HandClock()));
  assert.match(failure.message, /the command in the kubeconfig .* printed no JSON/);
  assert.ok(!`${failure.message} ${String(failure.cause)}`.includes(SECRET));
});
