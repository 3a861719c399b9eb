import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RECHECK_MS } from '../../../app/drain/allowance.ts';
import { budgetsOf, bypassesBudget } from '../../../app/drain/budget.ts';
import type { PlanConditions } from '../../../app/drain/decision.ts';
import type { Attempt, ObservedResponders, ObservedState, Response } from '../../../app/drain/observed.ts';
import { MAX_IN_FLIGHT, MAX_RETURNS, PAST_GRACE_MS, RETURNS_FORGOTTEN_MS, rankOf } from '../../../app/drain/plan.ts';
import { controllerKeyOf, type Pod } from '../../../app/drain/pod.ts';
import { budget, evicted, observed, planned, pod } from '../../support/objects.ts';
import { Seeded } from '../../support/seeded.ts';

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
    ...(random.chance(0.5) && { controller: { kind: random.pick('ReplicaSet', 'StatefulSet'), name: app } }),
    ...(random.chance(0.1) && { controller: { kind: 'DaemonSet', name: 'agent' } }),
    running: random.chance(0.7),
    critical: random.chance(0.3),
    graceSeconds: random.pick(0, 1, 30, 90),
    ...(random.chance(0.05) && { staysBy: 'node-drainer/skip' }),
    toleratesEverything: random.chance(0.3),
    finalizers: random.chance(0.2) ? ['example.com/hold'] : [],
    ...(random.chance(0.2) && { responders: ['migration.example.com/vm'] }),
    ...(random.chance(0.15) && { doNotDisrupt: { source: 'node-drainer/wait' } }),
    ...(random.chance(0.1) && {
      doNotDisrupt: { source: 'karpenter.sh/do-not-disrupt', until: now + random.pick(-1, 0, 1, 90_000) },
    }),
    ...(random.chance(0.1) && { deletion: { deadline: now + random.whole(9), graceSeconds: random.whole(60) } }),
  });
}

function randomConditions(random: Seeded): PlanConditions {
  return {
    force: random.chance(0.2),
    certainEnd: random.pick(
      undefined,
      { at: now + random.whole(180_000), marginMs: random.pick(0, 30_000) },
      { at: now - random.whole(2), marginMs: 30_000 },
    ),
    lastResort: random.pick('delete', 'evict'),
    kubeletAlive: random.chance(0.6),
    gate: random.chance(0.2) ? random.pick({ kind: 'capacity' }, { kind: 'slot', text: 'waits' }) : undefined,
    daemonSets: random.pick('skip', 'last', 'evict'),
    doNotDisruptUntil: now + random.pick(-1, 0, 1, 60_000),
    finalizerMs: random.pick(0, 60_000, 300_000),
    spreadMs: random.pick(0, 60_000, 300_000),
  };
}

/** Written from the rule, not from the code: its whole grace period, never below 1 s, and the margin fit before the end. */
function isDueBy({ graceSeconds }: Pod, { certainEnd }: PlanConditions, at = now): boolean {
  if (certainEnd === undefined) return false;
  return at + Math.max(1, graceSeconds) * 1_000 + certainEnd.marginMs >= certainEnd.at;
}

function randomAttempt(random: Seeded): Attempt {
  const at = now - random.whole(40_000);
  const retryAt = at + random.whole(80_000);
  return random.pick<Attempt>(
    { state: 'requested', at },
    { state: 'accepted', at },
    { state: 'blocked', at },
    { state: 'refused', at, retryAt, message: 'no', cause: 'eviction refused' },
    { state: 'refused', at, retryAt, message: 'no', cause: 'deletion refused' },
    { state: 'refused', at, retryAt, message: 'no', cause: 'unanswered' },
  );
}

function randomResponders(random: Seeded, pods: readonly Pod[]): ObservedResponders {
  const response = (): Response => {
    const at = now - random.whole(30_000);
    const active = { state: 'active', name: 'migration.example.com/vm', at } as const;
    return random.pick<Response>({ state: 'requested', at }, active, { ...active, reportedAt: at }, { state: 'over' });
  };
  const api = random.pick('unread', 'served', 'served', 'off');
  return { api, responses: new Map(pods.filter(() => random.chance(0.5)).map(({ uid }) => [uid, response()])) };
}

function randomObservation(random: Seeded): ObservedState {
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
    budgetSeenAt: new Map(uids.map((uid) => [uid, now - random.whole(2 * RECHECK_MS)])),
    uncounted: new Map(uids.filter(() => random.chance(0.3)).map((uid) => [uid, random.whole(3)])),
    workloads: randomWorkloads(random, pods),
    surging: new Map(pods.filter(() => random.chance(0.05)).map((pod) => [controllerKeyOf(pod), 'shop/web'])),
    ...(random.chance(0.5) && { responders: randomResponders(random, pods) }),
    unverified: new Set(pods.filter(() => random.chance(0.2)).map(({ uid }) => uid)),
    returns: new Map(
      pods
        .filter(() => random.chance(0.2))
        .map((pod) => [
          controllerKeyOf(pod),
          {
            count: random.whole(MAX_RETURNS + 2),
            notBefore: now + random.pick(-1, 0, 1, 30_000),
            lastAt: now - random.pick(0, 30_000, RETURNS_FORGOTTEN_MS),
          },
        ]),
    ),
    skippedBefore: new Set(pods.filter(() => random.chance(0.1)).map(({ uid }) => uid)),
    endedSince: new Map(
      pods.filter(({ deletion, running }) => deletion && !running).map(({ uid }) => [uid, now - random.whole(400_000)]),
    ),
    terminatingSince: new Map(
      pods.filter(({ deletion }) => deletion).map(({ uid }) => [uid, now - random.whole(150_000)]),
    ),
  };
}

function randomWorkloads(random: Seeded, pods: readonly Pod[]): ObservedState['workloads'] {
  const keys = new Set(pods.filter(({ controller }) => controller !== undefined).map(controllerKeyOf));
  return new Map(
    [...keys]
      .filter(() => random.chance(0.8))
      .map((key) => [
        key,
        random.chance(0.1)
          ? 'unknown'
          : {
              name: key,
              namespace: key.split('/')[0] ?? '',
              replicas: random.whole(30),
              selector: [],
              readyElsewhere: random.whole(20),
              leaving: [],
              since: now - random.whole(200_000),
            },
      ]),
  );
}

/** Calls `check` with many observations; a failure names the seed that shows it again. */
function forMany(check: (observed: ObservedState, random: Seeded) => void): void {
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
    const conditions = randomConditions(random);
    const { daemonSets, finalizerMs, kubeletAlive } = conditions;
    const { decisions } = planned(observed, now, conditions);
    assert.deepEqual(decisions.map(({ pod }) => pod.uid).sort(), observed.pods.map(({ uid }) => uid).sort());
    for (const { action, pod } of decisions) {
      const goes = daemonSets === 'evict' || (daemonSets === 'last' && isDueBy(pod, conditions));
      const ofNode = pod.controller?.kind === 'DaemonSet' && (!goes || pod.toleratesEverything);
      const ended = pod.phase === 'Succeeded' || pod.phase === 'Failed';
      const since = observed.terminatingSince.get(pod.uid) ?? now;
      const isLate = !kubeletAlive && now >= since + (pod.deletion?.graceSeconds ?? 0) * 1_000 + PAST_GRACE_MS;
      const heldFor = now - (observed.endedSince.get(pod.uid) ?? now);
      const isShell = !pod.running && pod.finalizers.length > 0;
      const isOver = !kubeletAlive || heldFor >= finalizerMs || observed.skippedBefore.has(pod.uid);
      const isLost = pod.deletion !== undefined && (isLate || (isShell && isOver));
      const returns = observed.returns.get(controllerKeyOf(pod));
      const isRemembered = returns !== undefined && now - returns.lastAt < RETURNS_FORGOTTEN_MS;
      const isLeft = isRemembered && returns.count >= MAX_RETURNS && observed.unverified.has(pod.uid);
      const returnsToNode = pod.deletion === undefined && isLeft;
      const stays = pod.staysBy !== undefined;
      assert.equal(
        action === 'skip',
        pod.mirror || ofNode || ended || stays || isLost || returnsToNode,
        `${pod.name}: ${action}`,
      );
    }
  });
});

// A pod that waits for its responder gets no SIGTERM, and one of a forced deadline is never deleted.
test('a pod that has to end now is neither requested of its responders nor waits for them', () => {
  forMany((observed, random) => {
    const conditions = randomConditions(random);
    for (const decision of planned(observed, now, conditions).decisions) {
      const waits = decision.action === 'wait' && /responder/.test(decision.reason.kind);
      if (decision.action === 'request' || waits) assert.ok(!conditions.force && !isDueBy(decision.pod, conditions));
    }
  });
});

// DNS that goes before the pods which still resolve names with it makes their shutdown fail.
test('in no hurry no pod is sent before one of a lower rank, before capacity, or while it has time', () => {
  forMany((observed, random) => {
    const conditions = { ...randomConditions(random), force: false };
    const { decisions } = planned(observed, now, conditions);
    const staying = decisions.filter(({ action }) => action !== 'skip');
    for (const { action, pod } of staying) {
      if (action === 'wait' || isDueBy(pod, conditions)) continue;
      assert.ok(
        staying.every((other) => rankOf(other.pod) >= rankOf(pod)),
        `${pod.name} goes out of turn`,
      );
      assert.equal(conditions.gate, undefined, `${pod.name} goes before the gate is open`);
      const until = Math.min(conditions.doNotDisruptUntil, pod.doNotDisrupt?.until ?? Number.POSITIVE_INFINITY);
      assert.ok(pod.doNotDisrupt === undefined || now >= until, `${pod.name} asked for time`);
    }
  });
});

// The instance ends whatever we wait for: who is not asked now has no SIGTERM, or not its whole grace period.
// https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/node/termination/terminator/terminator.go
test('a pod that has to end now waits for no priority, time asked for, capacity, unread or known budget', () => {
  forMany((observed, random) => {
    const conditions = randomConditions(random);
    for (const decision of planned(observed, now, conditions).decisions) {
      const { pod, action } = decision;
      if (action !== 'wait' || !isDueBy(pod, conditions)) continue;
      const { kind } = decision.reason;
      const attempt = observed.attempts.get(pod.uid);
      const isJudged = attempt?.state === 'blocked' || (attempt?.state === 'refused' && attempt.cause !== 'unanswered');
      const mayWait: string[] = ['terminating', 'requested', 'accepted', 'unverified', 'in-flight limit'];
      if (isJudged && conditions.lastResort === 'evict') mayWait.push('budget', 'refused');
      if (attempt?.state === 'refused' && attempt.cause !== 'eviction refused') mayWait.push('refused');
      assert.ok(mayWait.includes(kind), `${pod.name} waits for ${kind} after ${attempt?.state}`);
    }
  });
});

// Every deletion breaks the promise of a budget: it is for pods whose end has come, and that the API refused to evict.
test('nothing is deleted but what is forced, or has to end now and was refused', () => {
  forMany((observed, random) => {
    const conditions = randomConditions(random);
    for (const { action, pod } of planned(observed, now, conditions).decisions) {
      if (conditions.force) {
        assert.notEqual(action, 'evict', `${pod.name} is only evicted`);
      } else if (action === 'delete') {
        const attempt = observed.attempts.get(pod.uid);
        assert.ok(attempt?.state === 'blocked' || attempt?.state === 'refused', `${pod.name} was never refused`);
        assert.ok(attempt.state === 'blocked' || attempt.cause !== 'unanswered', `nobody judged ${pod.name}`);
        assert.ok(isDueBy(pod, conditions) && conditions.lastResort === 'delete', `${pod.name} had time`);
      }
    }
  });
});

// A plan that sleeps past the instant of a pod takes from its grace period what it oversleeps.
test('the plan wakes no later than the next pod has to end', () => {
  forMany((observed, random) => {
    const conditions = randomConditions(random);
    const { decisions, wakeAt = Number.POSITIVE_INFINITY } = planned(observed, now, conditions);
    for (const decision of decisions) {
      const { pod } = decision;
      const isLater = decision.action === 'skip' && decision.reason !== 'daemonset last';
      if (isLater || isDueBy(pod, conditions)) continue;
      // At most by the millisecond before the plan wakes, the pod still has time.
      if (conditions.certainEnd === undefined) continue;
      assert.ok(Number.isFinite(wakeAt), `the plan does not wake for ${pod.name}`);
      assert.ok(!isDueBy(pod, conditions, wakeAt - 1), `the plan wakes too late for ${pod.name}`);
    }
  });
});

// Three pods of one Deployment on one node, no budget: all went at once, and two requests of three failed for eight seconds.
test('without a budget at most a quarter of a workload, at least one, is missing, and one stays ready, while there is time', () => {
  forMany((observed, random) => {
    const conditions = { ...randomConditions(random), force: false };
    const { decisions } = planned(observed, now, conditions);
    const goes = (pod: Pod) =>
      decisions.some((one) => one.pod === pod && (one.action === 'evict' || one.action === 'delete'));
    const asked = (pod: Pod) => ['requested', 'accepted'].includes(observed.attempts.get(pod.uid)?.state ?? '');
    for (const [key, workload] of observed.workloads) {
      if (workload === 'unknown' || workload.replicas < 2 || now >= workload.since + conditions.spreadMs) continue;
      const here = observed.pods.filter(
        (pod) => controllerKeyOf(pod) === key && pod.ready && !pod.deletion && !/Succeeded|Failed/.test(pod.phase),
      );
      const inTime = (pod: Pod) => goes(pod) && !isDueBy(pod, conditions);
      const uncovered = (pod: Pod) => budgetsOf(pod, observed.budgets.get(pod.namespace) ?? []).length === 0;
      if (!here.some((pod) => inTime(pod) && uncovered(pod))) continue;
      const ready = workload.readyElsewhere + here.filter((pod) => !goes(pod) && !asked(pod)).length;
      // Pods that have to end, or that a budget lets go, are not held back; they count as missing for the others that are.
      const others = here.filter((pod) => goes(pod) && (isDueBy(pod, conditions) || !uncovered(pod))).length;
      assert.ok(ready + others >= 1, `none of ${key} is left`);
      assert.ok(
        workload.replicas - ready - others <= Math.max(1, Math.floor(workload.replicas / 4)),
        `too few of ${key}`,
      );
    }
  });
});

// One eviction more than the budget allows is refused at best; a hundred drainers do it at once.
test('under a budget no more evictions are sent than it has room for, or one when its safety net is due', () => {
  forMany((observed, random) => {
    const conditions = { ...randomConditions(random), force: false };
    const sent = planned(observed, now, conditions).decisions.filter(
      ({ action, pod }) => action === 'evict' && !isDueBy(pod, conditions),
    );
    for (const one of [...observed.budgets.values()].flat()) {
      const under = sent.filter(({ pod }) => budgetsOf(pod, [one]).length > 0 && !bypassesBudget(pod, one));
      const room = one.allowed - (observed.uncounted.get(one.uid) ?? 0);
      const lastWord = observed.budgetSeenAt.get(one.uid) ?? 0;
      const most = Math.max(room, now - lastWord >= RECHECK_MS ? 1 : 0, 0);
      assert.ok(under.length <= most, `${under.length} sent under ${one.name}, at most ${most} may be`);
    }
  });
});

// A pod with time took the only room that the budget had, and the one whose end had come was deleted against the budget.
test('the room of a budget goes to the pods that have to end now', () => {
  const certainEnd = { at: now + 120_000, marginMs: 30_000 };
  const [first, second] = [
    pod('quick', { labels: { app: 'web' } }),
    pod('slow', { labels: { app: 'web' }, graceSeconds: 90 }),
  ];
  const seen = observed({ pods: [first, second], budgets: [budget('web', 1)], asOf: { web: now } });
  assert.deepEqual(evicted(planned(seen, now, { certainEnd })), ['slow']);
});

// If a plan named a moment that has passed, the loop would spin; if it named none, it would stand still.
test('the plan never wakes in the past, and a plan that waits for a budget always wakes', () => {
  forMany((observed, random) => {
    const { decisions, wakeAt } = planned(observed, now, randomConditions(random));
    if (wakeAt !== undefined) assert.ok(wakeAt > now, `wakes ${now - wakeAt} ms ago`);
    const forBudget = decisions.some((verdict) => verdict.action === 'wait' && verdict.reason.kind === 'budget');
    if (forBudget) assert.ok(wakeAt !== undefined && wakeAt <= now + RECHECK_MS);
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

// A pod that was held back after it had taken room under its budget kept that room from its neighbour for 19 s.
test('no pod waits for a budget that has room which no other pod uses', () => {
  forMany((observed, random) => {
    const { decisions } = planned(observed, now, { ...randomConditions(random), force: false });
    const sent = decisions.filter(({ action }) => action === 'evict').map(({ pod }) => pod);
    const requested = (pod: Pod) => observed.attempts.get(pod.uid);
    for (const decision of decisions) {
      if (decision.action !== 'wait' || decision.reason.kind !== 'budget') continue;
      for (const one of decision.reason.budgets) {
        const counts = (pod: Pod) =>
          budgetsOf(pod, [one]).length > 0 && (requested(pod)?.state === 'blocked' || !bypassesBudget(pod, one));
        const used = sent.filter(counts).length + (observed.uncounted.get(one.uid) ?? 0);
        // A refusal that is younger than the status says more than the status.
        const refusedAt = observed.pods
          .filter((pod) => requested(pod)?.state === 'blocked' && counts(pod))
          .map((pod) => requested(pod)?.at ?? 0);
        const isOutdated = Math.max(...refusedAt) >= (observed.budgetSeenAt.get(one.uid) ?? 0);
        const room = isOutdated ? 0 : one.allowed;
        assert.ok(used >= room, `${decision.pod.name} waits for ${one.name}: ${used} of ${room} are used`);
      }
    }
  });
});

// Fifty evictions in flight are enough: what is above that takes no room under a budget, and goes next.
test('no more evictions are in flight than the limit, and the rest waits for that and nothing else', () => {
  for (const requested of [0, 10, MAX_IN_FLIGHT]) {
    const pods = Array.from({ length: 120 }, (_, index) => pod(`web-${index}`, { labels: { app: 'web' } }));
    const attempts = Object.fromEntries(
      pods.slice(0, requested).map(({ name }) => [name, { state: 'requested', at: now } as const]),
    );
    const seen = observed({ pods, attempts, budgets: [budget('web', 500)], asOf: { web: now } });
    const { decisions } = planned(seen, now);
    assert.equal(evicted({ decisions, wakeAt: undefined }).length, MAX_IN_FLIGHT - requested);
    const waits = decisions.flatMap((decision) => (decision.action === 'wait' ? [decision.reason.kind] : []));
    assert.equal(waits.filter((kind) => kind === 'in-flight limit').length, 120 - MAX_IN_FLIGHT);
    assert.equal(waits.filter((kind) => kind === 'budget').length, 0);
  }
});
