import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetsOf, bypassesBudget } from '../../app/drain/budget.ts';
import type { Attempt, Observed } from '../../app/drain/observed.ts';
import type { Pod } from '../../app/drain/pod.ts';
import { SAFETY_NET_MS } from '../../app/drain/rooms.ts';
import { type Circumstances, PAST_DEADLINE_MS, rankOf } from '../../app/drain/standing.ts';
import { budget, evicted, planned, pod } from '../support/objects.ts';
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
    running: random.chance(0.7),
    critical: random.chance(0.3),
    toleratesEverything: random.chance(0.3),
    finalizers: random.chance(0.2) ? ['example.com/hold'] : [],
    ...(random.chance(0.15) && { asksForTime: 'node-drainer/wait' }),
    ...(random.chance(0.1) && { deletion: { deadline: now + random.whole(9), graceSeconds: random.whole(60) } }),
  });
}

function randomCircumstances(random: Seeded): Circumstances {
  return {
    force: random.chance(0.2),
    lastResort: random.chance(0.2),
    nodeReady: random.chance(0.6),
    drainDaemonSets: random.chance(0.5),
    courtesyUntil: now + random.pick(-1, 0, 1, 60_000),
  };
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
  const pods = Array.from({ length: random.whole(random.pick(4, 25)) }, (_, index) => randomPod(random, index));
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
    comingBack: new Set(pods.filter(() => random.chance(0.1)).map(({ uid }) => uid)),
    terminatingSince: new Map(
      pods.filter(({ deletion }) => deletion).map(({ uid }) => [uid, now - random.whole(150_000)]),
    ),
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
    const circumstances = randomCircumstances(random);
    const { verdicts } = planned(observed, now, circumstances);
    assert.deepEqual(verdicts.map(({ pod }) => pod.uid).sort(), observed.pods.map(({ uid }) => uid).sort());
    for (const { act, pod } of verdicts) {
      const ofNode = pod.controller !== undefined && (!circumstances.drainDaemonSets || pod.toleratesEverything);
      const ended = pod.phase === 'Succeeded' || pod.phase === 'Failed';
      const since = observed.terminatingSince.get(pod.uid) ?? now;
      const isLate = now >= since + (pod.deletion?.graceSeconds ?? 0) * 1_000 + PAST_DEADLINE_MS;
      const isShell = !pod.running && pod.finalizers.length > 0;
      const isLost = pod.deletion !== undefined && !circumstances.nodeReady && (isLate || isShell);
      const comesBack = pod.deletion === undefined && observed.comingBack.has(pod.uid);
      assert.equal(act === 'leave', pod.mirror || ofNode || ended || isLost || comesBack, `${pod.name}: ${act}`);
    }
  });
});

// DNS that goes before the pods which still resolve names with it makes their shutdown fail.
test('in no hurry no pod is sent before one of a lower rank, and none that asks for time while it has it', () => {
  forMany((observed, random) => {
    const circumstances = randomCircumstances(random);
    const { force, lastResort, courtesyUntil } = circumstances;
    const { verdicts } = planned(observed, now, circumstances);
    const staying = verdicts.filter(({ act }) => act !== 'leave');
    const sent = verdicts.filter(({ act }) => act === 'evict' || act === 'delete');
    assert.ok(sent.every(({ act }) => (act === 'delete') === force));
    if (force || lastResort) {
      assert.ok(verdicts.every((verdict) => verdict.act !== 'wait' || !/rank|courtesy/.test(verdict.why.kind)));
      return;
    }
    for (const { pod } of sent) {
      assert.ok(
        staying.every((other) => rankOf(other.pod) >= rankOf(pod)),
        `${pod.name} goes out of turn`,
      );
      assert.ok(pod.asksForTime === undefined || now >= courtesyUntil, `${pod.name} asked for time`);
    }
  });
});

// One eviction more than the budget allows is refused at best; a hundred drainers do it at once.
test('under a budget no more evictions are sent than it has room for, or one when its safety net is due', () => {
  forMany((observed, random) => {
    const circumstances = { ...randomCircumstances(random), force: false };
    const sent = planned(observed, now, circumstances).verdicts.filter(({ act }) => act === 'evict');
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
  forMany((observed, random) => {
    const { verdicts, wakeAt } = planned(observed, now, randomCircumstances(random));
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
    if (simple) assert.equal(evicted(planned(observed, now)).length, evicted(planned(turned, now)).length);
  });
});
