import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UncountedEvictions } from '../../../app/drain/uncounted-evictions.ts';
import { budget, pod } from '../../support/objects.ts';

const now = 1_000_000;
const web = budget('web', 3);
const entries = (ledger: UncountedEvictions, at = now) => Object.fromEntries(ledger.uncounted(at));

// Without this a hundred evictions are sent on one old status, and all but the first are refused.
test('evictions that are on their way are remembered for as long as their answer takes', () => {
  const ledger = new UncountedEvictions();
  ledger.reserve([web], pod('web-0'));
  ledger.reserve([web, budget('all', 1)], pod('web-1'));
  assert.deepEqual(entries(ledger), { 'shop/web#budget': 2, 'shop/all#budget': 1 });
  assert.deepEqual(entries(ledger, now + 86_400_000), { 'shop/web#budget': 2, 'shop/all#budget': 1 });
});

test('a refused eviction took nothing', () => {
  const ledger = new UncountedEvictions();
  ledger.reserve([web], pod('web-0'));
  ledger.release(pod('web-0'));
  assert.deepEqual(entries(ledger), {});
});

// Counting one disruption twice, in the status and in our memory, halves the speed of every drain.
test('a status that counts the pod takes it off our memory', () => {
  const ledger = new UncountedEvictions();
  ledger.reserve([web], pod('web-0'));
  ledger.reserve([web], pod('web-1'));
  ledger.reconcile(budget('web', 2, { counted: new Set(['web-0']) }));
  assert.deepEqual(entries(ledger), { 'shop/web#budget': 1 });
});

// If the news of an accepted eviction never comes, its place under the budget must not be lost for ever.
test('an accepted eviction is forgotten after five seconds', () => {
  const ledger = new UncountedEvictions();
  ledger.reserve([web], pod('web-0'));
  ledger.accepted(pod('web-0'), now);
  assert.deepEqual(entries(ledger, now + 4_999), { 'shop/web#budget': 1 });
  assert.deepEqual(entries(ledger, now + 5_000), {});
});

// StatefulSets of two namespaces have pods of the same names: the refusal of one gave back what the other had taken.
test('pods of the same name in two namespaces are two pods', () => {
  const ledger = new UncountedEvictions();
  const inLab = { namespace: 'lab' };
  ledger.reserve([web], pod('web-0'));
  ledger.reserve([budget('web', 1, inLab)], pod('web-0', inLab));
  ledger.release(pod('web-0', inLab));
  assert.deepEqual(entries(ledger), { 'shop/web#budget': 1 });
  ledger.accepted(pod('web-0', inLab), now);
  assert.deepEqual(entries(ledger, now + 60_000), { 'shop/web#budget': 1 });
  ledger.reconcile(budget('web', 2, { counted: new Set(['web-0']) }));
  assert.deepEqual(entries(ledger), {});
});
