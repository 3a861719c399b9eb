import assert from 'node:assert/strict';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { localFlow } from '../cluster/local-flow.ts';
import { replicaSet } from '../cluster/manifests.ts';
import { Scenario } from '../cluster/scenario.ts';
import { openTestCluster } from '../cluster/test-cluster.ts';
import { folder } from '../support/folder.ts';
import { build, start } from './engine.ts';

/**
 * Builds and runs the images. Not part of `npm test`, because it needs an image builder and takes minutes.
 * IMAGE_BUILD and IMAGE_RUN name the commands (docker's by default), TEST_CLUSTER and KUBECONFIG select the cluster.
 */
const cluster = await openTestCluster();
after(() => cluster.close());
const drainer = await build('drainer');
const simulator = await build('simulator');

const MAX_BYTES = 8_000_000;

// Every task pulls the image: each unused byte delays every drain.
test('the drainer adds at most 8 MB to its base', (t) => {
  t.diagnostic(`the drainer adds ${drainer.bytesAboveBase} bytes, the simulator ${simulator.bytesAboveBase}`);
  // Compressed or not depends on the builder.
  assert.ok(drainer.bytesAboveBase > 200_000, 'the image holds the program');
  assert.ok(drainer.bytesAboveBase <= MAX_BYTES, `${drainer.bytesAboveBase} bytes`);
});

// Root in a container needs only one kernel vulnerability to be root on the host.
test('neither image runs as root', () => {
  for (const { user } of [drainer, simulator]) assert.match(user, /^(nonroot|[1-9]\d*)$/);
});

// A task that reports one error at a time needs one deployment for each.
test('without configuration, on a read-only file system, the drainer exits with 64 and names every error', async (t) => {
  const empty = await folder(t);
  const mounts = { '/tmp': empty, '/home/nonroot': empty };
  const { code, stdout, stderr } = await start(t, drainer, [], { mounts }).ended();
  assert.equal(code, 64, stderr);
  assert.equal(stdout, '');
  const errors = stderr.split('\n').filter((line) => line.startsWith('  - '));
  assert.deepEqual(
    errors.map((line) => /INSTANCE_ID|CLUSTER_NAME|AWS_REGION/.exec(line)?.[0]),
    ['INSTANCE_ID', 'CLUSTER_NAME', 'AWS_REGION'],
  );
});

// Node silently ignores a compile cache of another version, user or path.
test('the drainer starts from the compile cache of its image', async (t) => {
  const environment = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const { code, stderr } = await start(t, drainer, ['--version'], { environment }).ended();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /main\.mjs was accepted/);
});

// A drainer that passes all tests as a process can lack a certificate, a file or a permission in its image.
test('the drainer image drains a node with a kubeconfig', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 3 }), 3);
  const { code, stdout, stderr } = await start(t, drainer, ...(await drainOf(t, scenario.worker))).ended();
  assert.equal(code, 0, stdout + stderr);
  const moved = await scenario.ready('web', 3);
  assert.ok(moved.every(({ spec }) => spec?.nodeName !== scenario.worker));
});

// If SIGTERM does not reach the program, it runs until SIGKILL two minutes later and writes no summary.
test('the drainer image exits with 143 on SIGTERM', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 2 }), 2);
  await scenario.budget('web', 'web', { maxUnavailable: 0 }, 2);
  const job = start(t, drainer, ...(await drainOf(t, scenario.worker)));
  await job.prints(/budget web allows no disruption/);
  await job.terminate();
  const { code, stdout, stderr } = await job.ended();
  assert.equal(code, 143, stdout + stderr);
  assert.match(stdout, /"event":"summary"/);
});

// No other test runs the two images together before a user runs `npm run local`.
test('a local run with containers drains a worker and completes the hook', async (t) => {
  await localFlow(t, cluster, {
    startAws: (environment) => start(t, simulator, [], { environment }).prints(/http:\S+/),
    drain: async (environment) => {
      const { code, stdout, stderr } = await start(t, drainer, [], { environment }).ended();
      return { exitCode: code, text: stdout + stderr };
    },
  });
});

/** Arguments and mounts for the drain of a node, with a copy of the kubeconfig that the image's user can read. */
async function drainOf(t: TestContext, node: string) {
  const file = join(await folder(t), 'kubeconfig');
  await copyFile(cluster.drainerFile, file);
  await chmod(file, 0o644);
  const args = ['drain', '--kubeconfig', '/kubeconfig', '--node', node];
  return [args, { mounts: { '/kubeconfig': file } }] as const;
}
