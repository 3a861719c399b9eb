import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Access } from '../../app/kubernetes/access.ts';
import { accessFromKubeconfigFile, accessFromUntrustedKubeconfig } from '../../app/kubernetes/kubeconfig.ts';
import { adviceOf, explain, Failure } from '../../app/lib/errors.ts';
import { ManualClock } from '../support/clock.ts';
import { folder } from '../support/folder.ts';
import { type CaseResult, fuzz, sizeOf } from './fuzz.ts';
import { randomKubeconfig } from './kubeconfigs.ts';

const never = new AbortController().signal;

/** Uses the access as far as possible without a network. */
async function judge(asked: Promise<Access>): Promise<CaseResult> {
  try {
    const access = await asked;
    const { protocol, username, password } = new URL(access.server);
    assert.match(protocol, /^https?:$/);
    assert.equal(username + password, '');
    await access.connect().destroy();
    new Headers(await access.authenticate(false, never));
    return { used: true };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { refusal: [explain(error), adviceOf(error) ?? ''].join('\n') };
  }
}

// Anybody who can write to the bucket can crash the drainer, or make it leak a secret.
test('any text from the bucket gives access to a cluster, or a refusal', async () => {
  const size = sizeOf(300);
  const clock = new ManualClock();
  const { used, refused } = await fuzz(size, randomKubeconfig, (text) =>
    judge(accessFromUntrustedKubeconfig(text, 's3://bucket/key', clock)),
  );
  if (size.cases >= 300) assert.ok(used > 10 && refused > 100, `${used} used, ${refused} refused`);
});

// A damaged kubeconfig file ends the program with a stack trace.
test('any kubeconfig file gives access to a cluster, or a refusal', async (t) => {
  const path = join(await folder(t), 'config');
  const clock = new ManualClock();
  await fuzz(sizeOf(100), randomKubeconfig, async (text) => {
    await writeFile(path, text);
    return judge(accessFromKubeconfigFile({ path }, clock));
  });
});
