import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selects } from '../../../app/drain/budget.ts';
import { readBudget } from '../../../app/kubernetes/budgets.ts';

const metadata = { uid: 'u', name: 'web', namespace: 'shop', generation: 3 };
const status = {
  observedGeneration: 3,
  disruptionsAllowed: 2,
  currentHealthy: 5,
  desiredHealthy: 3,
  expectedPods: 6,
  disruptedPods: { 'web-1': '2026-01-02T03:04:05Z' },
};
const spec = { selector: { matchLabels: { app: 'web' } } };

// A field read from the wrong place makes every budget block, or none.
test('a budget is read with its numbers and the disrupted pods that it has counted', () => {
  const { selector, counted, ...budget } = readBudget({ metadata, spec, status }, 'policy/v1');
  assert.deepEqual(budget, {
    uid: 'u',
    namespace: 'shop',
    name: 'web',
    allowed: 2,
    healthy: 5,
    desired: 3,
    expected: 6,
    unhealthyPodEvictionPolicy: 'IfHealthyBudget',
  });
  assert.deepEqual([...counted], ['web-1']);
  assert.equal(selects(selector, { app: 'web' }), true);
  assert.equal(selects(selector, { app: 'db' }), false);
});

// After a budget is tightened, its old status still allows disruptions, and the API refuses them.
test('a status that is older than its spec allows no disruption', () => {
  const allowed = (observedGeneration: number) =>
    readBudget({ metadata, spec, status: { ...status, observedGeneration } }, 'policy/v1').allowed;
  assert.equal(allowed(2), 0);
  assert.equal(allowed(3), 2);
  assert.equal(allowed(4), 2);
});

// A budget that was just created has no status yet: the disruption controller writes it later.
test('a budget without a status allows no disruption', () => {
  assert.equal(readBudget({ metadata, spec }, 'policy/v1').allowed, 0);
  assert.equal(readBudget({ metadata, spec, status: {} }, 'policy/v1').allowed, 0);
});

// https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125
test('an empty selector selects every pod in policy/v1 and none in policy/v1beta1', () => {
  for (const selector of [{}, { matchLabels: {} }, { matchLabels: null, matchExpressions: null }]) {
    const selected = (version: string) =>
      selects(readBudget({ metadata, spec: { selector }, status }, version).selector, { app: 'web' });
    assert.equal(selected('policy/v1'), true);
    assert.equal(selected('policy/v1beta1'), false);
  }
});

// Only the empty selector differs between the versions; an over-eager special case would ignore budgets of old clusters.
test('a selector that is not empty selects the same pods in both versions', () => {
  for (const version of ['policy/v1', 'policy/v1beta1']) {
    const { selector } = readBudget({ metadata, spec, status }, version);
    assert.deepEqual([selects(selector, { app: 'web' }), selects(selector, { app: 'db' })], [true, false], version);
  }
});

// A budget without a selector would block every pod of its namespace.
test('a budget without a selector selects no pod in either version', () => {
  for (const version of ['policy/v1', 'policy/v1beta1']) {
    for (const spec of [{}, { selector: null }]) {
      assert.equal(selects(readBudget({ metadata, spec, status }, version).selector, { app: 'web' }), false);
    }
  }
});

// With matchLabels alone, a budget with matchExpressions would select too many pods.
test('matchLabels and matchExpressions are both read', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'NotIn', values: ['back'] },
      { key: 'canary', operator: 'DoesNotExist' },
    ],
  };
  const read = readBudget({ metadata, spec: { selector }, status }, 'policy/v1').selector;
  assert.equal(selects(read, { app: 'web', tier: 'front' }), true);
  assert.equal(selects(read, { app: 'web', tier: 'back' }), false);
  assert.equal(selects(read, { app: 'web', canary: 'yes' }), false);
});

// The error page of a proxy would become a budget that allows everything.
test('an object that is not a PodDisruptionBudget is refused', () => {
  for (const object of [undefined, null, 'text', {}, { metadata: {} }, { metadata: { name: 'a' } }]) {
    assert.throws(() => readBudget(object, 'policy/v1'));
  }
});

// Advice to add a replica under `maxUnavailable: 0` does not help, and one to lower `minAvailable` is refused where there is none.
test('what a budget asks for is read as its spec has it', () => {
  const ruleOf = (more: object) => readBudget({ metadata, spec: { ...spec, ...more }, status }, 'policy/v1').rule;
  assert.deepEqual(ruleOf({ minAvailable: 0 }), { field: 'minAvailable', value: 0 });
  assert.deepEqual(ruleOf({ minAvailable: '90%' }), { field: 'minAvailable', value: '90%' });
  assert.deepEqual(ruleOf({ maxUnavailable: 1 }), { field: 'maxUnavailable', value: 1 });
  assert.equal(ruleOf({ minAvailable: null, maxUnavailable: null }), undefined);
});

// kubernetes: pkg/controller/disruption/disruption.go (failSafe): the numbers of the status are then those of before.
test('a controller that cannot work out a budget says why in a condition, and any other condition means nothing', () => {
  const errorOf = (...conditions: object[]) =>
    readBudget({ metadata, spec, status: { ...status, conditions } }, 'policy/v1').syncError;
  const failed = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'no scale' };
  assert.equal(errorOf(failed), 'no scale');
  assert.equal(errorOf({ ...failed, reason: 'InsufficientPods' }), undefined);
  assert.equal(errorOf({ ...failed, type: 'Other' }), undefined);
  assert.equal(errorOf(), undefined);
});
