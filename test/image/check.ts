import assert from 'node:assert/strict';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { localFlow } from '../cluster/local-flow.ts';
import { replicaSet } from '../cluster/manifests.ts';
import { Scenario } from '../cluster/scenario.ts';
import { openLab } from '../cluster/test-cluster.ts';
import { folder } from '../support/folder.ts';
import { build, start } from './engine.ts';

/**
 * The images, built and run for real: not a part of `npm test`, because that takes a builder and some minutes.
 * IMAGE_BUILD and IMAGE_RUN name the commands (docker's by default), TEST_CLUSTER and KUBECONFIG the cluster.
 */
const lab = await openLab();
after(() => lab.close());
const drainer = await build('drainer');
const simulator = await build('simulator');

const MOST_BYTES = 8_000_000;

// Each start of a task pulls the image: what is in it for no purpose is paid for in seconds of every termination.
test('the drainer adds at most 8 MB to its base', (t) => {
  t.diagnostic(`the drainer adds ${drainer.bytesAboveBase} bytes, the simulator ${simulator.bytesAboveBase}`);
  // Compressed or not, as the builder tells.
  assert.ok(drainer.bytesAboveBase > 200_000, 'the program is in it');
  assert.ok(drainer.bytesAboveBase <= MOST_BYTES, `${drainer.bytesAboveBase} bytes`);
});

// Root in a container is one fault of the kernel away from root on the host.
test('neither image runs as root', () => {
  for (const { user } of [drainer, simulator]) assert.match(user, /^(nonroot|[1-9]\d*)$/);
});

// A task that stops at the first fault is deployed once for each fault.
test('without configuration, on a read-only file system, it exits with 64 and names every fault', async (t) => {
  const empty = await folder(t);
  const mounts = { '/tmp': empty, '/home/nonroot': empty };
  const { code, stdout, stderr } = await start(t, drainer, [], { mounts }).ended();
  assert.equal(code, 64, stderr);
  assert.equal(stdout, '');
  const faults = stderr.split('\n').filter((line) => line.startsWith('  - '));
  assert.deepEqual(
    faults.map((line) => /INSTANCE_ID|CLUSTER_NAME|AWS_REGION/.exec(line)?.[0]),
    ['INSTANCE_ID', 'CLUSTER_NAME', 'AWS_REGION'],
  );
});

// Node refuses the cache of another version, user or path in silence.
test('it starts from what was compiled when it was built', async (t) => {
  const environment = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const { code, stderr } = await start(t, drainer, ['--version'], { environment }).ended();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /main\.mjs was accepted/);
});

// A drainer that passes all tests as a process may still lack a certificate, a file or a right in its image.
test('with a kubeconfig and a node it drains that node', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 3 }), 3);
  const { code, stdout, stderr } = await start(t, drainer, ...(await drainOf(t, scenario.worker))).ended();
  assert.equal(code, 0, stdout + stderr);
  const moved = await scenario.ready('web', 3);
  assert.ok(moved.every(({ spec }) => spec?.nodeName !== scenario.worker));
});

// A signal that does not arrive costs the two minutes until SIGKILL, and the summary.
test('SIGTERM reaches it, and it ends with 143', async (t) => {
  const scenario = await Scenario.open(t, lab);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 2 }), 2);
  await scenario.budget('web', 'web', { maxUnavailable: 0 }, 2);
  const job = start(t, drainer, ...(await drainOf(t, scenario.worker)));
  await job.says(/budget web allows no disruption/);
  await job.terminate();
  const { code, stdout, stderr } = await job.ended();
  assert.equal(code, 143, stdout + stderr);
  assert.match(stdout, /"event":"summary"/);
});

// The two images meet nowhere else before somebody runs `npm run local`.
test('a local run, as containers, drains a worker and completes the hook', async (t) => {
  await localFlow(t, lab, {
    startAws: (environment) => start(t, simulator, [], { environment }).says(/http:\S+/),
    drain: async (environment) => {
      const { code, stdout, stderr } = await start(t, drainer, [], { environment }).ended();
      return { exitCode: code, text: stdout + stderr };
    },
  });
});

/** Arguments and mounts for the drain of a node, with a copy of the kubeconfig that the image's user may read. */
async function drainOf(t: TestContext, node: string) {
  const file = join(await folder(t), 'kubeconfig');
  await copyFile(lab.drainerFile, file);
  await chmod(file, 0o644);
  const args = ['drain', '--kubeconfig', '/kubeconfig', '--node', node];
  return [args, { mounts: { '/kubeconfig': file } }] as const;
}
