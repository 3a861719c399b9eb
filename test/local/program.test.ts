import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Job } from './job.ts';

const PROGRAM = fileURLToPath(new URL('../../scripts/local/local.ts', import.meta.url));
const SIMULATOR = fileURLToPath(new URL('../simulator/aws/main.ts', import.meta.url));

// On a machine without the tools, a new user sees a stack trace first.
test('without docker, kind and kubectl, npm run local names the missing tools and exits with 1', async (t) => {
  const { code, stderr } = await new Job(t, [process.execPath, PROGRAM], { PATH: '/nowhere' }).ended();
  assert.equal(code, 1);
  assert.match(stderr, /docker is not installed/);
  assert.match(stderr, /kind is not installed/);
  assert.match(stderr, /kubectl is not installed/);
  assert.doesNotMatch(stderr, /\n {4}at /);
});

// `npm run local dwon` creates a cluster.
test('a command that is neither up nor down does nothing and exits with 64', async (t) => {
  const { code, stdout, stderr } = await new Job(t, [process.execPath, PROGRAM, 'dwon'], { PATH: '/nowhere' }).ended();
  assert.deepEqual(
    { code, stdout, stderr },
    { code: 64, stdout: '', stderr: "unknown command 'dwon': use up (default) or down\n" },
  );
});

// A container that ignores SIGTERM delays `docker compose down` by ten seconds.
test('the simulated AWS exits with 0 on SIGTERM', async (t) => {
  const job = new Job(t, [process.execPath, SIMULATOR], {
    ...{ PORT: '0', AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
    ...{ KUBE_CONFIG_BUCKET: 'bucket', AUTO_SCALING_GROUP_NAME: 'group', LIFECYCLE_HOOK_NAME: 'hook' },
    ...{ HEARTBEAT_TIMEOUT_SECONDS: '60', INSTANCE_ID: 'i-00000000' },
  });
  await job.prints(/http:\S+/);
  await job.terminate();
  assert.equal((await job.ended()).code, 0);
});
