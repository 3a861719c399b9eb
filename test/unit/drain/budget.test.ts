import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetsOf, bypassesBudget, type Requirement, selects } from '../../../app/drain/budget.ts';
import { budget, pod } from '../../support/objects.ts';

const requires = (operator: string, ...values: string[]): Requirement[] => [{ key: 'tier', operator, values }];

// A selector misread by one operator lets evictions through that will be refused, or holds pods that nothing holds.
test('matchExpressions select as Kubernetes says, also where the label is absent', () => {
  const selected = (selector: Requirement[]) => ({
    front: selects(selector, { tier: 'front' }),
    back: selects(selector, { tier: 'back' }),
    none: selects(selector, {}),
  });
  assert.deepEqual(selected(requires('In', 'front', 'edge')), { front: true, back: false, none: false });
  assert.deepEqual(selected(requires('NotIn', 'front', 'edge')), { front: false, back: true, none: true });
  assert.deepEqual(selected(requires('Exists')), { front: true, back: true, none: false });
  assert.deepEqual(selected(requires('DoesNotExist')), { front: false, back: false, none: true });
});

// An operator of a later Kubernetes that is taken for "selects" would hold pods for a budget that is not theirs.
test('an operator that nobody knows selects nothing', () => {
  assert.equal(selects(requires('Resembles', 'front'), { tier: 'front' }), false);
});

test('all requirements must be met; none at all selects everything; no selector selects nothing', () => {
  const both = [...requires('Exists'), { key: 'app', operator: 'In', values: ['web'] }];
  assert.equal(selects(both, { tier: 'front', app: 'web' }), true);
  assert.equal(selects(both, { tier: 'front', app: 'db' }), false);
  assert.equal(selects([], { tier: 'front' }), true);
  assert.equal(selects(undefined, { tier: 'front' }), false);
});

// The same application in two namespaces: the budget of one must not hold up the pods of the other.
test('a pod is under all the budgets of its namespace that select it, and under no others', () => {
  const web = pod('web-0', { labels: { app: 'web' } });
  const budgets = [
    budget('web', 1),
    budget('db', 1),
    budget('all', 1, { selector: [] }),
    budget('web', 1, { namespace: 'lab' }),
  ];
  assert.deepEqual(
    budgetsOf(web, budgets).map(({ namespace, name }) => `${namespace}/${name}`),
    ['shop/web', 'shop/all'],
  );
});

// A drain that waits for the budget of a crash-looping pod waits for a day that never comes.
test('pending, finished and terminating pods go whatever the budget says', () => {
  const strict = budget('web', 0, { healthy: 0, desired: 1 });
  assert.equal(bypassesBudget(pod('a', { phase: 'Pending', ready: false }), strict), true);
  assert.equal(bypassesBudget(pod('a', { phase: 'Succeeded', ready: false }), strict), true);
  assert.equal(bypassesBudget(pod('a', { phase: 'Failed', ready: false }), strict), true);
  assert.equal(bypassesBudget(pod('a', { deletion: { deadline: 0, graceSeconds: 1 } }), strict), true);
  assert.equal(bypassesBudget(pod('a'), strict), false);
});

// https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
test('an unready pod goes when the others are healthy enough, or the budget always allows it', () => {
  const unready = pod('a', { ready: false });
  const under = (healthy: number, desired: number, unhealthyPodEvictionPolicy = 'IfHealthyBudget') =>
    bypassesBudget(unready, budget('web', 0, { healthy, desired, unhealthyPodEvictionPolicy }));
  assert.equal(under(2, 2), true);
  assert.equal(under(1, 2), false);
  assert.equal(under(0, 0), false);
  assert.equal(under(1, 2, 'AlwaysAllow'), true);
  assert.equal(bypassesBudget(pod('a'), budget('web', 0, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })), false);
});
