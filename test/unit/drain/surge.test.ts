import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from '../../../app/drain/deployment.ts';
import {
  isRolling,
  judgeSurge,
  movesPods,
  noDeployment,
  rolloutProgress,
  surgeCandidates,
} from '../../../app/drain/surge.ts';
import { deploymentOf } from '../../support/fake-deployments.ts';
import { actionsByPod, budget, observed, planned, pod } from '../../support/objects.ts';

const STARTED_AT = Date.parse('2026-01-02T03:04:05.678Z');

/** The pods that wait for these budgets and are candidates, each with the budgets that can never allow its eviction. */
function candidates(seen: Parameters<typeof observed>[0], due: readonly string[] = []): Record<string, string[]> {
  const found = surgeCandidates(planned(observed(seen), 1_000), ({ name }) => due.includes(name));
  return Object.fromEntries(found.map(({ pod, stuck }) => [pod.name, stuck.map(({ name }) => name)]));
}

const web = pod('web-0', { labels: { app: 'web' } });
const passing = budget('web', 0, { healthy: 1, desired: 1, expected: 2 });
const status = { observedGeneration: 2, replicas: 2, updated: 2, available: 2, stalled: false };
const stuck = budget('web', 0, { healthy: 1, desired: 1, expected: 1 });

// A restart of a workload whose budget only needs time replaces pods for nothing.
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/disruption/disruption.go (updatePdbStatus)
test('only pods whose budget can never allow an eviction are candidates, whatever their workload is', () => {
  assert.deepEqual(candidates({ pods: [web], budgets: [stuck] }), { 'web-0': ['web'] });
  assert.deepEqual(candidates({ pods: [web], budgets: [passing] }), {});
  assert.deepEqual(candidates({ pods: [web], budgets: [] }), {});
});

// Another drain has restarted the Deployment: there are two pods, minAvailable 1 looks as if it could allow an eviction, and as soon
// as it does, two pods end at once.
test('a pod of a ReplicaSet is a candidate under any budget that blocks it: its Deployment may be rolling', () => {
  const owned = pod('web-0', { labels: { app: 'web' }, controller: { kind: 'ReplicaSet', name: 'web-1' } });
  assert.deepEqual(candidates({ pods: [owned], budgets: [passing] }), { 'web-0': [] });
  const rolling = deploymentOf('web', { status: { ...status, replicas: 2, updated: 1 } });
  assert.equal(movesPods(rolling, [passing]), true);
  assert.equal(movesPods(deploymentOf('web'), [passing]), false);
  // Of four pods three have to be healthy: the drain may evict the fourth while they are replaced, as the budget allows.
  const four = deploymentOf('web', { replicas: 4, status: { ...status, replicas: 5, updated: 1 } });
  assert.equal(movesPods(four, [budget('web', 0, { healthy: 3, desired: 3, expected: 4 })]), false);
});

// The new pod of a Deployment that is down will be no better, and a pod that has to end now has no time for a rollout.
test('a pod that is not ready, or that has to end now, is no candidate', () => {
  const unready = pod('web-0', { labels: { app: 'web' }, ready: false });
  assert.deepEqual(
    candidates({ pods: [unready], budgets: [budget('web', 0, { healthy: 0, desired: 1, expected: 1 })] }),
    {},
  );
  assert.deepEqual(candidates({ pods: [web], budgets: [stuck] }, ['web-0']), {});
});

const verdict = (more: Partial<Deployment>) => {
  const judged = judgeSurge(deploymentOf('web', more), STARTED_AT);
  return judged.kind === 'not possible' ? judged.reason : judged.kind;
};

test('a Deployment that is rolled out and may surge is restarted', () => {
  assert.equal(verdict({}), 'restart');
  assert.equal(verdict({ replicas: 4, strategy: { maxSurge: 1, maxUnavailable: 1 } }), 'restart');
});

// Recreate, and a strategy that takes the only pod first, are the interruption that the budget forbids.
test('a strategy that ends pods before it creates new ones is no surge', () => {
  assert.match(verdict({ strategy: 'Recreate' }), /Recreate/);
  assert.match(verdict({ strategy: { maxSurge: 0, maxUnavailable: 1 } }), /maxSurge is 0/);
  assert.match(verdict({ strategy: { maxSurge: 1, maxUnavailable: 1 } }), /maxUnavailable is 1/);
  assert.match(verdict({ replicas: 3, strategy: { maxSurge: 3, maxUnavailable: 3 } }), /maxUnavailable is 3/);
});

// kubectl refuses it, too: "can't restart paused deployment (run rollout resume first)".
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go
test('a paused Deployment is not restarted', () => {
  assert.match(verdict({ paused: true }), /spec\.paused/);
});

// A restart in the middle of a rollout throws away the pods that it has just created, and two drains would restart each other's.
for (const [what, change] of [
  ['its controller has not seen the latest template', { observedGeneration: 1 }],
  ['pods of the old template are left', { replicas: 3 }],
  ['pods of the new template are missing', { updated: 1 }],
  ['not all are available', { available: 1 }],
] as const) {
  test(`nothing is restarted while ${what}`, () => {
    assert.equal(verdict({ generation: 2, replicas: 2, status: { ...status, ...change } }), 'rolling');
    const stalled = { ...status, available: 1, stalled: true };
    assert.match(verdict({ generation: 2, replicas: 2, status: stalled }), /ProgressDeadlineExceeded/);
  });
}

// A pod that cannot start elsewhere is not held on the node once its budget is mended: no rollout will replace it.
test('a Deployment with an unavailable pod is not rolling', () => {
  assert.equal(
    isRolling(deploymentOf('web', { replicas: 2, status: { ...status, available: 1 }, generation: 2 })),
    false,
  );
  assert.equal(
    isRolling(deploymentOf('web', { replicas: 2, status: { ...status, replicas: 3 }, generation: 2 })),
    true,
  );
  assert.equal(isRolling(deploymentOf('web', { replicas: 2, status, generation: 3 })), true);
});

// Successor tasks and other drains know nothing of each other: without a look at the annotation each restarts it again.
test('a Deployment that was restarted since the drain began is not restarted again; an older restart does not count', () => {
  const at = (iso: string) => verdict({ restartedAt: Date.parse(iso) });
  assert.match(at('2026-01-02T03:10:00Z'), /restarted at 2026-01-02T03:10:00.000Z, during this drain/);
  // kubectl cuts the second off in which it restarts.
  assert.match(at('2026-01-02T03:04:05Z'), /during this drain/);
  assert.equal(at('2026-01-02T03:04:04Z'), 'restart');
});

// A StatefulSet has no maxSurge: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#rolling-updates
test('workloads that are no Deployments are named, with the reason', () => {
  const reasonOf = (kind: string) => noDeployment(pod('db-0', { controller: { kind, name: 'db' } }));
  assert.deepEqual(reasonOf('StatefulSet'), {
    workload: 'StatefulSet shop/db',
    reason: 'a StatefulSet creates no new pod before the old one is gone',
  });
  assert.equal(reasonOf('Rollout').workload, 'Rollout shop/db');
  assert.deepEqual(noDeployment(pod('db-0')), { workload: 'pod shop/db-0', reason: 'it has no controller' });
});

const restart = { at: STARTED_AT, generation: 2, replicas: 2 };
const restarted = deploymentOf('web', { generation: 2, replicas: 2, restartedAt: STARTED_AT, status });

test('a restart is complete when its controller has seen it and all pods are new and available', () => {
  assert.equal(rolloutProgress(restarted, restart), 'complete');
  for (const change of [{ observedGeneration: 1 }, { replicas: 3 }, { updated: 1 }, { available: 1 }])
    assert.equal(rolloutProgress({ ...restarted, status: { ...status, ...change } }, restart), 'running');
});

// A watch that begins a moment in the past shows the Deployment as it was before the restart: that is no revert.
test('what was read before the restart says nothing about it', () => {
  assert.equal(rolloutProgress(deploymentOf('web', { replicas: 2 }), restart), 'running');
});

const failure = (change: Partial<Deployment> | undefined, of = restarted) => {
  const progress = rolloutProgress(change && { ...of, ...change }, restart);
  return typeof progress === 'string' ? progress : progress.failed;
};

// Flux and Argo CD put a template back that differs from Git; an autoscaler changes the replicas of which the budget counts a share.
test('a restart that is taken back, or disturbed, is no longer waited for', () => {
  assert.match(failure({ generation: 3, restartedAt: undefined }), /taken the restart back/);
  assert.match(failure({ generation: 3, restartedAt: STARTED_AT - 60_000 }), /taken the restart back/);
  assert.match(failure({ generation: 3, replicas: 5 }), /from 2 to 5/);
  assert.match(failure({ generation: 3, paused: true }), /paused/);
  assert.match(failure({ status: { ...status, updated: 1, stalled: true } }), /ProgressDeadlineExceeded/);
  assert.match(failure(undefined), /deleted/);
  // The condition of the rollout before.
  assert.equal(failure({ status: { ...status, observedGeneration: 1, stalled: true } }), 'running');
  // Somebody restarts it once more: that rollout is as good.
  assert.equal(failure({ generation: 3, restartedAt: STARTED_AT + 60_000 }), 'running');
});

// While its Deployment ends a pod, the drain evicts another one of it: the budget counts each, but both at once are one too many.
test('a pod whose Deployment is restarting waits for that, until it has to end', () => {
  const of = { kind: 'ReplicaSet', name: 'web-1' };
  const two = ['web-0', 'web-1'].map((name) => pod(name, { labels: { app: 'web' }, controller: of }));
  const seen = {
    pods: [...two, pod('other')],
    budgets: [budget('web', 1)],
    surging: { 'shop/ReplicaSet/web-1': 'shop/web' },
  };
  assert.deepEqual(actionsByPod(planned(observed(seen), 1_000)), {
    other: 'evict',
    'web-0': 'wait surge',
    'web-1': 'wait surge',
  });
  const certainEnd = { at: 20_000, marginMs: 0 };
  const late = actionsByPod(planned(observed(seen), 1_000, { certainEnd }));
  assert.deepEqual(late, { other: 'evict', 'web-0': 'evict', 'web-1': 'evict' });
});
