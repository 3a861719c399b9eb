import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type KubernetesObject, PatchStrategy } from '@kubernetes/client-node';
import { merge } from './admin.ts';
import type { Drainer, Line } from './drainer.ts';
import { eventsAbout } from './events.ts';
import { WEBHOOK } from './eviction-webhook.ts';
import { HOLD, replicaSet } from './manifests.ts';
import { eventually } from './poll.ts';
import { Scenario } from './scenario.ts';
import { openTestCluster } from './test-cluster.ts';

const cluster = await openTestCluster();
after(() => cluster.close());

/** How long a hold may last before it is said. */
const WITHIN_MS = 60_000;

/** Waits for the report of what holds this pod. */
async function heldBy(drainer: Drainer, cause: string): Promise<Line> {
  return drainer.reports(
    `pods held: ${cause}`,
    ({ event, ...line }) => event === 'pods held' && line['cause'] === cause,
    { withinMs: WITHIN_MS },
  );
}

/** Does what the advice says with `kubectl patch` or `kubectl scale`, as an operator who copies it. */
async function follow({ admin }: typeof cluster, advice: unknown): Promise<void> {
  const patched = /kubectl -n (\S+) patch (\S+) (\S+) --type merge -p '([^']+)'/.exec(String(advice));
  const scaled = /kubectl -n (\S+) scale (\w+)\/(\S+) --replicas=(\d+)/.exec(String(advice));
  const [, namespace, kind, name = '', change = ''] = scaled ?? patched ?? assert.fail(`no command in ${advice}`);
  const header = {
    poddisruptionbudget: { apiVersion: admin.policyVersion, kind: 'PodDisruptionBudget' },
    pod: { apiVersion: 'v1', kind: 'Pod' },
    replicaset: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  }[kind ?? ''];
  const body: KubernetesObject = {
    ...header,
    metadata: { ...(namespace && { namespace }), name },
    ...(scaled ? { spec: { replicas: Number(change) } } : {}),
  };
  const { metadata, ...more } = scaled ? { metadata: {} } : JSON.parse(change);
  const object = { ...body, ...more, metadata: { ...body.metadata, ...metadata } };
  await admin.objects.patch(object, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
}

/** A running pod on a fake node, whose container is in this state. */
async function podWith(scenario: Scenario, node: string, name: string, state: object, held = false): Promise<void> {
  const { namespace } = scenario;
  await scenario.pod(name, { node, held });
  const container = { name: 'pause', image: 'pause', imageID: 'pause', ready: false, restartCount: 7, state };
  const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date().toISOString() }];
  const body = { status: { conditions, containerStatuses: [container] } };
  await cluster.admin.core.patchNamespacedPodStatus({ name, namespace, body }, merge);
}

/** The pod has been evicted, and its kubelet ends it. */
async function ends(scenario: Scenario, drainer: Drainer, name: string): Promise<void> {
  await drainer.reports(`that ${name} is evicted`, ({ event }) => event === 'eviction accepted', { withinMs: 40_000 });
  await scenario.end(name);
}

// The tests run concurrently, each with a fake node of its own: they mostly wait.
describe('what holds a drain is said within a minute, with what ends it', { concurrency: true }, () => {
  // Scenario 27: a budget that can never allow an eviction costs hours before anybody looks at it.
  // kubernetes: pkg/controller/disruption/disruption.go (updatePdbStatus)
  test('a budget that can never allow an eviction, in the log, on the node and on the budget', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const { namespace } = scenario;
    const node = await scenario.fakeNode();
    await scenario.pod('guarded', { node });
    await scenario.budget('strict', 'guarded', { minAvailable: 1 }, 1);
    const startedAt = Date.now();
    const drainer = scenario.drain({}, { node });
    const held = await heldBy(drainer, 'structural');
    assert.ok(held.time - startedAt < WITHIN_MS);
    assert.equal(held.level, 'warn');
    assert.equal(held['by'], `budget ${namespace}/strict`);
    assert.deepEqual(held['podNames'], [`${namespace}/guarded`]);
    assert.match(
      held.message,
      /needs 1 healthy pod and has 1 of 1, and can never allow an eviction: guarded for \d+ s$/,
    );
    for (const object of [await cluster.admin.core.readNode({ name: node }), await scenario.readBudget('strict')]) {
      const events = await eventually('its Event is there', async () => {
        const all = await eventsAbout(cluster, object.metadata?.uid ?? '', 1);
        return all.find(({ reason }) => reason === 'DrainHeld');
      });
      assert.equal(events.type, 'Warning');
      assert.match(events.message ?? '', /can never allow an eviction: guarded .*To end it: .*kubectl/);
    }
    await follow(cluster, held['advice']);
    await ends(scenario, drainer, 'guarded');
    const { exitCode, summary, lines } = await drainer.ended();
    assert.equal(exitCode, 0);
    const [longest] = summary['heldBy'] as { by: string; cause: string; seconds: number }[];
    assert.deepEqual([longest?.by, longest?.cause], [`budget ${namespace}/strict`, 'structural']);
    assert.ok((longest?.seconds ?? 0) >= 10);
    assert.equal(lines.filter(({ event }) => event === 'pods held').length, 1);
    await scenario.noHarm();
  });

  // The controller of a budget with maxUnavailable asks how many replicas there should be: for a bare pod nobody knows.
  // kubernetes: pkg/controller/disruption/disruption.go (getExpectedScale, failSafe)
  test('a budget that cannot count its pods', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const node = await scenario.fakeNode();
    await scenario.pod('bare', { node });
    const { policyVersion: apiVersion } = cluster.admin;
    const spec = { maxUnavailable: 1, selector: { matchLabels: { app: 'bare' } } };
    await scenario.create({
      apiVersion,
      kind: 'PodDisruptionBudget',
      metadata: { name: 'share' },
      spec,
    } as KubernetesObject);
    const drainer = scenario.drain({}, { node });
    const held = await heldBy(drainer, 'structural');
    assert.match(held.message, /budget \S+\/share cannot count its pods.*, and allows no eviction: bare for \d+ s$/);
    assert.match(String(held['advice']), /minAvailable with a number/);
    await scenario.deleteBudget('share');
    await ends(scenario, drainer, 'bare');
    assert.equal((await drainer.ended()).exitCode, 0);
    await scenario.noHarm();
  });

  // Scenario 26: a pod that crashes serves nobody, and its budget keeps it for ever.
  // kubernetes: pkg/registry/core/pod/storage/eviction.go (UnhealthyPodEvictionPolicy)
  test('a crash-looping pod under a budget with the default policy', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const node = await scenario.fakeNode();
    await scenario.pod('crashing', { node });
    await scenario.budget('strict', 'crashing', { minAvailable: 1 }, 1);
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container' };
    await scenario.end('crashing');
    await podWith(scenario, node, 'crashing', { waiting });
    const drainer = scenario.drain({}, { node });
    const held = await heldBy(drainer, 'unhealthy');
    assert.match(held.message, /needs 1 healthy pod and has 0 of 1.*: crashing \(CrashLoopBackOff\) for \d+ s$/);
    assert.match(String(held['advice']), /"unhealthyPodEvictionPolicy":"AlwaysAllow"/);
    assert.equal((await scenario.findPod('crashing'))?.metadata?.deletionTimestamp, undefined);
    // Servers before 1.26 do not know the policy.
    if (cluster.admin.policyVersion === 'policy/v1beta1') await scenario.deleteBudget('strict');
    else await follow(cluster, held['advice']);
    await ends(scenario, drainer, 'crashing');
    assert.equal((await drainer.ended()).exitCode, 0);
    await scenario.noHarm();
  });

  // Scenario 19. kubernetes: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
  test('two budgets over one pod, both by name', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const { namespace } = scenario;
    const node = await scenario.fakeNode();
    await scenario.pod('twice', { node });
    for (const name of ['first', 'second']) await scenario.budget(name, 'twice', { minAvailable: 0 }, 1);
    const drainer = scenario.drain({}, { node });
    const held = await heldBy(drainer, 'several budgets');
    assert.equal(held['by'], `budgets ${namespace}/first, ${namespace}/second`);
    assert.match(String(held['advice']), /edit poddisruptionbudget second$/);
    await scenario.deleteBudget('second');
    await ends(scenario, drainer, 'twice');
    assert.equal((await drainer.ended()).exitCode, 0);
    await scenario.noHarm();
  });

  // Scenario 22. kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
  test('a webhook, by name and with its words', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const { namespace } = scenario;
    const node = await scenario.fakeNode();
    await scenario.pod('machine', { node });
    const allow = await cluster.denyEvictions({
      namespace,
      pod: 'machine',
      code: 429,
      message: 'it is being migrated',
    });
    t.after(allow);
    const drainer = scenario.drain({}, { node });
    const held = await heldBy(drainer, 'webhook');
    assert.equal(held['by'], `webhook ${WEBHOOK}`);
    assert.match(held.message, /it is being migrated\): \S+\/machine for \d+ s$/);
    assert.match(String(held['advice']), new RegExp(`kubectl get validatingwebhookconfigurations.*${WEBHOOK}`));
    await allow();
    await scenario.end('machine');
    assert.equal((await drainer.ended()).exitCode, 0);
    await scenario.noHarm();
  });

  // Scenario 34: the pod serves nobody any more, and the instance is paid for until somebody finds the controller.
  test('a finalizer that alone keeps a pod', async (t) => {
    const scenario = await Scenario.open(t, cluster);
    const node = await scenario.fakeNode();
    const finishedAt = new Date().toISOString();
    const terminated = { exitCode: 0, reason: 'Completed', startedAt: finishedAt, finishedAt };
    await podWith(scenario, node, 'stuck', { terminated }, true);
    const drainer = scenario.drain({}, { node });
    const held = await heldBy(drainer, 'finalizer');
    assert.equal(held['by'], `finalizer ${HOLD}`);
    assert.match(held.message, /keeps pods whose containers have ended: \S+\/stuck for \d+ s$/);
    await follow(cluster, held['advice']);
    await eventually('the pod is gone or waits for its kubelet', async () => {
      const pod = await scenario.findPod('stuck');
      return pod === undefined || (pod.metadata?.finalizers ?? []).length === 0 || undefined;
    });
    await scenario.end('stuck');
    assert.equal((await drainer.ended()).exitCode, 0);
    await scenario.noHarm();
  });
});

// Advice that does not help is worse than none: the operator believes that it does, and waits.
test('the replica that the advice adds lets a budget go that could never allow an eviction', async (t) => {
  const scenario = await Scenario.open(t, cluster);
  await scenario.startOnWorker(replicaSet(scenario.namespace, 'web', { replicas: 2 }), 2);
  await scenario.budget('strict', 'web', { minAvailable: 2 }, 2);
  const drainer = scenario.drain();
  const held = await heldBy(drainer, 'structural');
  assert.equal(held['owner'], `ReplicaSet ${scenario.namespace}/web`);
  assert.match(String(held['advice']), /^add a replica: kubectl -n \S+ scale replicaset\/web --replicas=3;/);
  assert.equal((await scenario.pods()).length, 2);
  await follow(cluster, held['advice']);
  assert.equal((await drainer.ended()).exitCode, 0);
  assert.ok((await scenario.ready('web', 3)).every(({ spec }) => spec?.nodeName !== scenario.worker));
  await scenario.noHarm();
});
