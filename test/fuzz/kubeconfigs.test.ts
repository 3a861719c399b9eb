import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Access } from '../../app/kubernetes/access.ts';
import { accessFromKubeconfigFile, accessFromUntrustedKubeconfig } from '../../app/kubernetes/kubeconfig.ts';
import { adviceOf, explain, Failure } from '../../app/lib/errors.ts';
import { HandClock } from '../support/clock.ts';
import { folder } from '../support/folder.ts';
import { fuzz, sizeOf, type Verdict } from './fuzz.ts';
import { randomKubeconfig } from './kubeconfigs.ts';

const never = new AbortController().signal;

/** Uses it as far as it goes without the network. */
async function judge(asked: Promise<Access>): Promise<Verdict> {
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

// Whoever writes to the bucket writes what the drainer reads: a text of theirs must not stop it with a stack trace, or worse.
test('whatever is in the bucket, it is a way to a cluster or refused', async () => {
  const size = sizeOf(300);
  const clock = new HandClock();
  const { used, refused } = await fuzz(size, randomKubeconfig, (text) =>
    judge(accessFromUntrustedKubeconfig(text, 's3://bucket/key', clock)),
  );
  if (size.cases >= 300) assert.ok(used > 10 && refused > 100, `${used} used, ${refused} refused`);
});

test('whatever is in a file, it is a way to a cluster or refused', async (t) => {
  const path = join(await folder(t), 'config');
  const clock = new HandClock();
  await fuzz(sizeOf(100), randomKubeconfig, async (text) => {
    await writeFile(path, text);
    return judge(accessFromKubeconfigFile(path, clock));
  });
});
