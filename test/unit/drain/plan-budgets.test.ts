import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RECHECK_MS } from '../../../app/drain/allowance.ts';
import { actionsByPod, budget, evicted, observed, planned, pod, podsOf } from '../../support/objects.ts';

const now = 1_000_000;

// Sending what the status says will be refused costs a request a pod, again and again, in every drainer at once.
test('no more evictions are sent than the status of the budget allows', () => {
  const seen = observed({ pods: podsOf('web', 5), budgets: [budget('web', 2)], asOf: { web: now } });
  assert.deepEqual(actionsByPod(planned(seen, now)), {
    'web-0': 'evict',
    'web-1': 'evict',
    'web-2': 'wait budget',
    'web-3': 'wait budget',
    'web-4': 'wait budget',
  });
});

// One application that may not lose a pod used to hold up the whole node.
test('a blocked pod does not hold up its neighbours', () => {
  const pods = [...podsOf('db', 2), ...podsOf('web', 2), pod('free')];
  const budgets = [budget('db', 0), budget('web', 1)];
  const seen = observed({ pods, budgets, asOf: { db: now, web: now } });
  assert.deepEqual(evicted(planned(seen, now)), ['web-0', 'free']);
});

// A status that is a moment old does not show the evictions that were just sent: a burst would be refused.
test('what was sent and is not counted yet is taken off what the status allows', () => {
  const pods = podsOf('web', 5);
  const asking = { state: 'requested', at: now } as const;
  const budgets = [budget('web', 3)];
  const attempts = { 'web-0': asking, 'web-1': asking };
  const seen = observed({ pods, budgets, attempts, asOf: { web: now }, uncounted: { web: 2 } });
  assert.deepEqual(evicted(planned(seen, now)), ['web-2']);
});

// The API has just said no; a status read before that knows less than the API does.
test('a refusal that is younger than the status wins over it, for all the pods of the budget', () => {
  const pods = podsOf('web', 3);
  const attempts = { 'web-0': { state: 'blocked', at: now } } as const;
  const before = observed({ pods, attempts, budgets: [budget('web', 2)], asOf: { web: now - 1 } });
  assert.deepEqual(evicted(planned(before, now + 1)), []);
  const after = observed({ pods, attempts, budgets: [budget('web', 2)], asOf: { web: now + 1 } });
  assert.deepEqual(evicted(planned(after, now + 1)), ['web-1', 'web-2']);
});

// The API's answer came with the status of that very moment: an equal time cannot tell which of them is newer.
test('a refusal as old as the status wins over it', () => {
  const attempts = { 'web-0': { state: 'blocked', at: now } } as const;
  const seen = observed({ pods: podsOf('web', 2), attempts, budgets: [budget('web', 1)], asOf: { web: now } });
  assert.deepEqual(evicted(planned(seen, now)), []);
});

// If the news of a budget is lost, a pod that only waits for it waits for ever.
test('after ten seconds without a word on the budget, one pod under it is tried, and no more', () => {
  const seen = observed({ pods: podsOf('web', 5), budgets: [budget('web', 0)], asOf: { web: now } });
  const first = planned(seen, now);
  assert.deepEqual(evicted(first), []);
  assert.equal(first.wakeAt, now + RECHECK_MS);
  assert.deepEqual(evicted(planned(seen, now + RECHECK_MS - 1)), []);
  assert.deepEqual(evicted(planned(seen, now + RECHECK_MS)), ['web-0']);
});

// Probing each pod of a budget, instead of the budget, sends a hundred refused evictions every ten seconds.
test('a probe is the word on its budget: the next comes ten seconds after it, with the next pod', () => {
  const pods = podsOf('web', 3);
  const budgets = [budget('web', 0)];
  const attempts = { 'web-0': { state: 'blocked', at: now + RECHECK_MS } } as const;
  const seen = observed({ pods, budgets, attempts, asOf: { web: now } });
  assert.equal(planned(seen, now + RECHECK_MS).wakeAt, now + 2 * RECHECK_MS);
  assert.deepEqual(evicted(planned(seen, now + 2 * RECHECK_MS - 1)), []);
  assert.deepEqual(evicted(planned(seen, now + 2 * RECHECK_MS)), ['web-1']);
});

// If the probe always were the same pod, one that can never go would hide that the others could.
test('probes go round all the pods of a budget', () => {
  const pods = podsOf('web', 3);
  const budgets = [budget('web', 0)];
  const attempts: Record<string, { state: 'blocked'; at: number }> = {};
  const probed: string[] = [];
  for (let round = 1; round <= 6; round++) {
    const at = now + round * RECHECK_MS;
    const turn = evicted(planned(observed({ pods, budgets, attempts, asOf: { web: now } }), at));
    for (const name of turn) attempts[name] = { state: 'blocked', at };
    probed.push(...turn);
  }
  assert.deepEqual(probed, ['web-0', 'web-1', 'web-2', 'web-0', 'web-1', 'web-2']);
});

// One budget's probe must not use up the turn of another.
test('each budget has its own probe', () => {
  const pods = [...podsOf('db', 2), ...podsOf('web', 2)];
  const seen = observed({ pods, budgets: [budget('db', 0), budget('web', 0)], asOf: { db: now, web: now + 1 } });
  assert.deepEqual(evicted(planned(seen, now + RECHECK_MS)), ['db-0']);
  assert.deepEqual(evicted(planned(seen, now + RECHECK_MS + 1)), ['db-0', 'web-0']);
});

// Two budgets on one pod: a pod that only one of them allows is not allowed.
test('a pod under two budgets waits for both, and takes from both', () => {
  const both = { selector: [] };
  const pods = podsOf('web', 3);
  const asOf = { web: now, all: now };
  const one = observed({ pods, budgets: [budget('web', 5), budget('all', 0, both)], asOf });
  assert.deepEqual(evicted(planned(one, now)), []);
  const two = observed({ pods, budgets: [budget('web', 5), budget('all', 2, both)], asOf });
  assert.deepEqual(evicted(planned(two, now)), ['web-0', 'web-1']);
  const verdict = planned(one, now).decisions[0];
  assert.ok(verdict?.action === 'wait' && verdict.reason.kind === 'budget');
  assert.deepEqual(
    verdict.reason.budgets.map(({ name }) => name),
    ['all'],
  );
});

// A pod that is held by two budgets is not tried while the younger word of the two is fresh.
test('the probe of a pod under two budgets waits for the younger word', () => {
  const budgets = [budget('web', 0), budget('all', 0, { selector: [] })];
  const seen = observed({ pods: podsOf('web', 1), budgets, asOf: { web: now, all: now + 5_000 } });
  assert.equal(planned(seen, now).wakeAt, now + 5_000 + RECHECK_MS);
});

// Before its budgets are read, a blocked pod that is sent again at once hammers the API with refusals.
test('blocked where no budget is known, a pod waits ten seconds, and says which budget the API named', () => {
  const pods = podsOf('web', 2);
  const attempts = { 'web-0': { state: 'blocked', at: now, budget: 'web' } } as const;
  const seen = observed({ pods, attempts });
  const result = planned(seen, now + 1);
  assert.deepEqual(actionsByPod(result), { 'web-1': 'evict', 'web-0': 'wait budget' });
  const verdict = result.decisions.find(({ pod }) => pod.name === 'web-0');
  assert.ok(verdict?.action === 'wait');
  assert.deepEqual(verdict.reason, { kind: 'budget', budgets: [], named: 'web' });
  assert.equal(result.wakeAt, now + RECHECK_MS);
  assert.deepEqual(actionsByPod(planned(seen, now + RECHECK_MS)), { 'web-1': 'evict', 'web-0': 'evict' });
});

// A budget that was made after the budgets were read refuses a pod that no known budget selects.
test('blocked by a budget that is not among those known, a pod waits ten seconds instead of being sent in a loop', () => {
  const attempts = { 'web-0': { state: 'blocked', at: now, budget: 'brand-new' } } as const;
  const seen = observed({ pods: podsOf('web', 1), attempts, budgets: [budget('db', 1)], asOf: { db: now + 1 } });
  assert.deepEqual(actionsByPod(planned(seen, now + 2)), { 'web-0': 'wait budget' });
  assert.equal(planned(seen, now + 2).wakeAt, now + RECHECK_MS);
});

// Servers before 1.22 refuse unhealthy pods that later ones let go: sending again at once is a loop without a pause.
test('a pod that ought to bypass its budget and is refused all the same waits for the budget like the others', () => {
  const attempts = { 'web-0': { state: 'blocked', at: now } } as const;
  const pods = podsOf('web', 1, { ready: false });
  const under = (allowed: number) =>
    planned(observed({ pods, attempts, budgets: [budget('web', allowed)], asOf: { web: now + 1 } }), now + 2);
  const [verdict] = under(0).decisions;
  assert.ok(verdict?.action === 'wait' && verdict.reason.kind === 'budget');
  assert.deepEqual(
    verdict.reason.budgets.map(({ name }) => name),
    ['web'],
  );
  assert.deepEqual(evicted(under(1)), ['web-0']);
});

// The API lets pods go that are not healthy anyway; holding them back for a budget leaves them there for ever.
test('an unhealthy pod goes although its budget allows no disruption, and takes nothing from the budget', () => {
  const pods = [...podsOf('web', 2, { ready: false }), pod('ok', { labels: { app: 'web' } })];
  const seen = observed({ pods, budgets: [budget('web', 1)], asOf: { web: now } });
  assert.deepEqual(evicted(planned(seen, now)), ['web-0', 'web-1', 'ok']);
  const none = observed({ pods, budgets: [budget('web', 0)], asOf: { web: now } });
  assert.deepEqual(evicted(planned(none, now)), ['web-0', 'web-1']);
});

// Budgets are namespaced: a selector that fits in another namespace means nothing.
test('a budget holds no pod of another namespace', () => {
  const pods = [...podsOf('web', 1), ...podsOf('web', 1, { namespace: 'lab' })];
  const budgets = [budget('web', 0)];
  const { decisions } = planned(observed({ pods, budgets, asOf: { web: now } }), now);
  assert.deepEqual(
    decisions.filter(({ action }) => action === 'evict').map(({ pod }) => pod.namespace),
    ['lab'],
  );
});

// A late pod that has to be verified first used to take the only room that its budget had: its neighbour starved.
test('a pod that is held back for another reason takes no room under its budget', () => {
  const pods = podsOf('web', 2);
  const seen = observed({ pods, budgets: [budget('web', 1)], asOf: { web: now }, unverified: ['web-0'] });
  assert.deepEqual(actionsByPod(planned(seen, now)), { 'web-0': 'wait unverified', 'web-1': 'evict' });
});

// One read of the budgets spares all the evictions that they would refuse.
test('several pods of a namespace wait until its budgets have been read; a single pod does not', () => {
  const pods = [...podsOf('web', 2), pod('alone', { namespace: 'lab' })];
  const seen = observed({ pods, budgets: 'unread' });
  const unread = 'wait unread budgets';
  assert.deepEqual(actionsByPod(planned(seen, now)), { 'web-0': unread, 'web-1': unread, alone: 'evict' });
});

// In the last minutes of the instance, a read that does not come back must not cost the pods their SIGTERM.
test('a pod that has to end now, and any pod when forced, does not wait for budgets to be read', () => {
  const seen = observed({ pods: podsOf('web', 2), budgets: 'unread' });
  assert.deepEqual(actionsByPod(planned(seen, now, { certainEnd: { at: now, marginMs: 0 } })), {
    'web-0': 'evict',
    'web-1': 'evict',
  });
  assert.deepEqual(actionsByPod(planned(seen, now, { force: true })), { 'web-0': 'delete', 'web-1': 'delete' });
});
