import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, test } from 'node:test';
import { eventually } from '../cluster/poll.ts';
import { Scenario } from '../cluster/scenario.ts';
import { openTestCluster } from '../cluster/test-cluster.ts';
import { ContainerLog } from './container-log.ts';
import { serverContainer } from './server.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

// A drain that refuses pods with emptyDir (kubectl without --delete-emptydir-data) never ends; one that removes them while they write loses what they save.
// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
test('a pod with emptyDir leaves and can save its data in its preStop hook, and what is in a hostPath stays', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const path = `/var/tmp/${scenario.namespace}`;
  // Where the nodes share the files of this machine.
  t.after(() => rm(path, { recursive: true, force: true }));
  const kept = { name: 'kept', hostPath: { path, type: 'DirectoryOrCreate' } };
  const server = serverContainer('server', {});
  const save = 'sleep 2; read line < /scratch/note; echo "saved $line" > /kept/note; echo saved > /proc/1/fd/1';
  await scenario.pod('web', {
    spec: {
      containers: [
        {
          ...server,
          lifecycle: {
            postStart: { exec: { command: ['sh', '-c', 'echo written > /scratch/note'] } },
            preStop: { exec: { command: ['sh', '-c', save] } },
          },
          volumeMounts: [
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'kept', mountPath: '/kept' },
          ],
        },
      ],
      volumes: [{ name: 'scratch', emptyDir: {} }, kept],
      terminationGracePeriodSeconds: 20,
    },
  });
  const log = await ContainerLog.follow(scenario, 'web', 'server');
  const { exitCode, lines } = await scenario.drain().ended(150_000);
  assert.equal(exitCode, 0);
  assert.ok(log.wrote('saved') !== undefined, 'the hook was finished');
  const gone = lines.find(({ event }) => event === 'pod gone');
  assert.ok((gone?.time ?? 0) >= (log.wrote('saved') ?? Number.POSITIVE_INFINITY), 'gone only after that');
  assert.deepEqual(await scenario.pods(), []);
  await scenario.noHarm();

  const { readinessProbe: _, ...container } = serverContainer('reader', {});
  const read = 'read line < /kept/note; echo "found: $line"; exec sleep 600';
  await scenario.pod('reader', {
    spec: {
      containers: [{ ...container, command: ['sh', '-c', read], volumeMounts: [{ name: 'kept', mountPath: '/kept' }] }],
      volumes: [kept],
    },
  });
  const reader = await ContainerLog.follow(scenario, 'reader', 'reader');
  await eventually('the hostPath still has what the pod saved', () => reader.wrote('found: saved written'));
});
