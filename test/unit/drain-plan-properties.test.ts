import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetsOf, bypassesBudget } from '../../app/drain/budget.ts';
import { type Attempt, type Observed, plan, SAFETY_NET_MS } from '../../app/drain/plan.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { budget, evicted, pod } from '../support/objects.ts';
import { Seeded } from '../support/seeded.ts';

const now = 1_000_000;
const APPS = ['web', 'db', 'cache'] as const;

function randomPod(random: Seeded, index: number): Pod {
  const app = random.pick(...APPS);
  return pod(`pod-${index}`, {
    namespace: random.pick('shop', 'lab'),
    labels: { app },
    phase: random.pick('Running', 'Running', 'Running', 'Pending', 'Succeeded', 'Failed', 'Unknown'),
    ready: random.chance(0.8),
    mirror: random.chance(0.05),
    ...(random.chance(0.1) && { controller: { kind: 'DaemonSet', name: 'agent' } }),
    ...(random.chance(0.1) && { deletion: { deadline: now + random.whole(9), graceSeconds: 30 } }),
  });
}

function randomAttempt(random: Seeded): Attempt {
  const at = now - random.whole(40_000);
  return random.pick<Attempt>(
    { state: 'asking', at },
    { state: 'accepted', at },
    { state: 'blocked', at },
    { state: 'refused', at, retryAt: at + random.whole(80_000), message: 'no' },
  );
}

function randomObservation(random: Seeded): Observed {
  const pods = Array.from({ length: random.whole(25) }, (_, index) => randomPod(random, index));
  const attempts = new Map(pods.filter(() => random.chance(0.4)).map(({ uid }) => [uid, randomAttempt(random)]));
  const known = ['shop', 'lab'].filter(() => random.chance(0.8));
  const budgets = new Map(
    known.map((namespace) => [
      namespace,
      APPS.filter(() => random.chance(0.7)).map((app) =>
        budget(app, random.whole(4), {
          namespace,
          healthy: random.whole(6),
          ...(random.chance(0.2) && { selector: [] }),
          ...(random.chance(0.2) && { unhealthyPodEvictionPolicy: 'AlwaysAllow' }),
        }),
      ),
    ]),
  );
  const uids = [...budgets.values()].flat().map(({ uid }) => uid);
  return {
    pods,
    attempts,
    budgets,
    asOf: new Map(uids.map((uid) => [uid, now - random.whole(2 * SAFETY_NET_MS)])),
    uncounted: new Map(uids.filter(() => random.chance(0.3)).map((uid) => [uid, random.whole(3)])),
  };
}

/** Calls `check` with many observations; a failure names the seed that shows it again. */
function forMany(check: (observed: Observed, random: Seeded) => void): void {
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = new Seeded(seed);
    try {
      check(randomObservation(random), random);
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    }
  }
}

// A pod without a verdict is a pod that nobody drains, and nobody waits for: the node is terminated under it.
test('every pod gets exactly one verdict, and every pod that is not left is evicted, deleted or waited for', () => {
  forMany((observed, random) => {
    const { verdicts } = plan(observed, now, random.chance(0.3));
    assert.deepEqual(verdicts.map(({ pod }) => pod.uid).sort(), observed.pods.map(({ uid }) => uid).sort());
    for (const { act, pod } of verdicts) {
      const stays =
        pod.mirror || pod.controller?.kind === 'DaemonSet' || pod.phase === 'Succeeded' || pod.phase === 'Failed';
      assert.equal(act === 'leave', stays, `${pod.name}: ${act}`);
    }
  });
});

// One eviction more than the budget allows is refused at best; a hundred drainers do it at once.
test('under a budget no more evictions are sent than it has room for, or one when its safety net is due', () => {
  forMany((observed) => {
    const sent = plan(observed, now).verdicts.filter(({ act }) => act === 'evict');
    for (const one of [...observed.budgets.values()].flat()) {
      const under = sent.filter(({ pod }) => budgetsOf(pod, [one]).length > 0 && !bypassesBudget(pod, one));
      const room = one.allowed - (observed.uncounted.get(one.uid) ?? 0);
      const lastWord = observed.asOf.get(one.uid) ?? 0;
      const most = Math.max(room, now - lastWord >= SAFETY_NET_MS ? 1 : 0, 0);
      assert.ok(under.length <= most, `${under.length} sent under ${one.name}, at most ${most} may be`);
    }
  });
});

// If a plan named a moment that has passed, the loop would spin; if it named none, it would stand still.
test('the plan never wakes in the past, and a plan that waits for a budget always wakes', () => {
  forMany((observed) => {
    const { verdicts, wakeAt } = plan(observed, now);
    if (wakeAt !== undefined) assert.ok(wakeAt > now, `wakes ${now - wakeAt} ms ago`);
    const forBudget = verdicts.some((verdict) => verdict.act === 'wait' && verdict.why.kind === 'budget');
    if (forBudget) assert.ok(wakeAt !== undefined && wakeAt <= now + SAFETY_NET_MS);
  });
});

// A plan that depends on the order of a list changes with every list, and pods take turns by chance.
test('how many are evicted under one budget does not depend on the order of the pods', () => {
  forMany((observed) => {
    const turned = { ...observed, pods: observed.pods.toReversed() };
    const simple = [...observed.budgets.values()].every((budgets) => budgets.length < 2);
    if (simple) assert.equal(evicted(plan(observed, now)).length, evicted(plan(turned, now)).length);
  });
});
