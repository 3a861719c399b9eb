import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { V1Container } from '@kubernetes/client-node';
import { eventually } from '../cluster/poll.ts';
import { Scenario } from '../cluster/scenario.ts';
import { openTestCluster } from '../cluster/test-cluster.ts';
import { ContainerLog } from './container-log.ts';
import { serve, serverContainer } from './server.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** A pod of these containers on the worker, whose logs are followed. */
async function followed(scenario: Scenario, containers: readonly V1Container[], graceSeconds: number) {
  const spec = { containers: [...containers], terminationGracePeriodSeconds: graceSeconds };
  await scenario.pod('web', { spec });
  return Promise.all(containers.map(({ name }) => ContainerLog.follow(scenario, 'web', name)));
}

/** Between two clocks of two processes, and a kubelet's loop. */
const TOLERANCE_MS = 1_500;

// A container that needs all of its grace is killed early, or one that ignores SIGTERM holds the drain for ever.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
test('a container that ignores SIGTERM has its whole grace period, and no more', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const graceSeconds = 6;
  const [log] = await followed(scenario, [serverContainer('server', { onTerm: 'ignore' })], graceSeconds);
  const drainer = scenario.drain();
  const killedAt = await log?.ended();
  const askedAt = log?.wrote('SIGTERM');
  assert.ok(askedAt !== undefined && killedAt !== undefined, 'it was asked to end, and ended');
  const hadMs = killedAt - askedAt;
  assert.ok(Math.abs(hadMs - graceSeconds * 1_000) < TOLERANCE_MS, `${hadMs} ms of ${graceSeconds} s`);
  const { exitCode, lines } = await drainer.ended(120_000);
  assert.equal(exitCode, 0);
  const goneAt = lines.find(({ event }) => event === 'pod gone')?.time ?? 0;
  assert.ok(goneAt >= killedAt - 500, 'gone only after its end');
  const endedAt = lines.at(-1)?.time ?? Number.POSITIVE_INFINITY;
  assert.ok(endedAt - goneAt < 2_500, `${endedAt - goneAt} ms after the pod had gone`);
  await scenario.noHarm();
});

// A hook that deregisters the pod somewhere is cut off, because the drain believes that the pod has gone.
// https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
test('the preStop hook is finished before the container is asked to end, and the drain waits for both', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const command = ['sh', '-c', 'echo hook started > /proc/1/fd/1; sleep 4; echo hook finished > /proc/1/fd/1'];
  const server = { ...serverContainer('server', {}), lifecycle: { preStop: { exec: { command } } } };
  const [log] = await followed(scenario, [server], 30);
  const ended = await scenario.drain().ended(120_000);
  const [started, finished, asked] = ['hook started', 'hook finished', 'SIGTERM'].map((text) => log?.wrote(text) ?? 0);
  assert.ok(started && finished && asked, JSON.stringify(log?.lines));
  assert.ok(started <= finished - 3_500 && finished <= asked, JSON.stringify(log?.lines));
  assert.equal(ended.exitCode, 0);
  const goneAt = ended.lines.find(({ event }) => event === 'pod gone')?.time ?? 0;
  assert.ok(goneAt >= asked, 'gone only after its end');
  await scenario.noHarm();
});

// The drain ends when the first container does, and the machine is switched off under the sidecar.
test('every container of a pod is asked to end, and the slowest one is waited for', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { readinessProbe: _, env = [], ...sidecar } = serverContainer('sidecar', { shutdownMs: 5_000 });
  const slow = { ...sidecar, env: [...env, { name: 'PORT', value: '8081' }] };
  const logs = await followed(scenario, [serverContainer('server', {}), slow], 30);
  const ended = await scenario.drain().ended(120_000);
  assert.equal(ended.exitCode, 0);
  for (const log of logs) {
    assert.ok(log.wrote('SIGTERM') !== undefined, 'asked to end');
    assert.ok(log.wrote('"exit"') !== undefined, 'ended by itself');
  }
  const sidecarEndedAt = (await logs[1]?.ended()) ?? 0;
  const goneAt = ended.lines.find(({ event }) => event === 'pod gone')?.time ?? 0;
  assert.ok(goneAt >= sidecarEndedAt - 500, 'gone only after the sidecar');
  await scenario.noHarm();
});

// Until a pod that ends has left its Service, it gets new requests; a server that has stopped by then refuses them.
// https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/
test('a pod that ends has left its Service before its server stops, and the drain waits for the server', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  const { namespace } = scenario;
  await serve(scenario, { replicas: 1, shutdownMs: 4_000 });
  const [pod] = await scenario.pods();
  const { name = '' } = pod?.metadata ?? {};
  const log = await ContainerLog.follow(scenario, name, 'server');
  const drainer = scenario.drain();
  const addresses = async () => {
    const { subsets = [] } = await cluster.admin.core.readNamespacedEndpoints({ name: 'web', namespace });
    return subsets.flatMap((subset) => subset.addresses?.map(({ ip }) => ip) ?? []);
  };
  const leftAt = await eventually('the pod is no endpoint', async () =>
    (await addresses()).includes(pod?.status?.podIP ?? '') ? undefined : Date.now(),
  );
  const ended = await drainer.ended(120_000);
  const stoppedAt = log.saidAt('exit');
  assert.ok(
    stoppedAt !== undefined && leftAt < stoppedAt - 2_000,
    `${(stoppedAt ?? 0) - leftAt} ms before the server stopped`,
  );
  assert.equal(ended.exitCode, 0);
  const gone = ended.lines.find((line) => line.event === 'pod gone' && line.pod === `${namespace}/${name}`);
  assert.ok((gone?.time ?? 0) >= stoppedAt, 'gone only after the server');
  await scenario.noHarm();
});
