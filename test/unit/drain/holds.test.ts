import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Budget } from '../../../app/drain/budget.ts';
import type { Decision, WaitReason } from '../../../app/drain/decision.ts';
import { describe, holdsOf, NO_HOLDS } from '../../../app/drain/holds.ts';
import type { Pod } from '../../../app/drain/pod.ts';
import type { Hold } from '../../../app/events.ts';
import { budget, pod, podsOf } from '../../support/objects.ts';

const now = Date.parse('2026-01-02T03:04:05Z');

const waits = (reason: WaitReason, pods: readonly Pod[] = [pod('web-0')]): Decision[] =>
  pods.map((pod) => ({ action: 'wait', pod, reason }));
const blockedBy = (...budgets: Budget[]): WaitReason => ({ kind: 'budget', budgets });

/** The holds of a plan with these decisions, `heldMs` after they began. */
function holdsIn(decisions: readonly Decision[], heldMs = 0): Hold[] {
  const plan = { decisions, wakeAt: undefined };
  const { groups } = holdsOf(plan, now + heldMs, holdsOf(plan, now, NO_HOLDS));
  return [...groups.values()].map((group) => describe(group, now + heldMs));
}

function onlyHold(decisions: readonly Decision[], heldMs = 0): Hold {
  const [hold, ...others] = holdsIn(decisions, heldMs);
  assert.ok(hold !== undefined);
  assert.deepEqual(others, []);
  return hold;
}

/** Pods of Deployment shop/checkout, as its ReplicaSet names them. */
const checkout = (count: number, more: Partial<Pod> = {}) =>
  podsOf('checkout', count, {
    labels: { app: 'checkout', 'pod-template-hash': '7f9c' },
    controller: { kind: 'ReplicaSet', name: 'checkout-7f9c' },
    ...more,
  });

// Eight lines for eight pods of one budget hide that there is one thing to mend.
// Cluster API groups so: internal/controllers/machine/drain/drain.go, EvictionResult
test('pods under one budget are one hold, which names three of them, their owner, and for how long', () => {
  const strict = budget('checkout', 0, { desired: 8, healthy: 8, expected: 8 });
  const hold = onlyHold(waits(blockedBy(strict), checkout(8)), 12 * 60_000);
  assert.equal(hold.cause, 'structural');
  assert.equal(hold.by, 'budget shop/checkout');
  assert.equal(hold.owner, 'Deployment shop/checkout');
  assert.equal(hold.since, now);
  assert.equal(hold.pods.length, 8);
  assert.equal(
    hold.text,
    'budget shop/checkout needs 8 healthy pods and has 8 of 8, and can never allow an eviction: ' +
      'checkout-0, checkout-1, checkout-2 (5 more) of Deployment shop/checkout for 12 min',
  );
});

// Two teams under one budget each look for their own name.
test('one budget over pods of two owners is two holds, and a bare pod has no owner', () => {
  const reason = blockedBy(budget('all', 0));
  const holds = holdsIn([...waits(reason, checkout(2)), ...waits(reason, [pod('bare')])]);
  assert.deepEqual(
    holds.map(({ owner, pods }) => [owner, pods]),
    [
      ['Deployment shop/checkout', ['shop/checkout-0', 'shop/checkout-1']],
      [undefined, ['shop/bare']],
    ],
  );
});

// A ReplicaSet of its own that ends in letters like a hash would be taken for a Deployment that does not exist.
test('only the hash that its pods carry makes the owner of a ReplicaSet a Deployment', () => {
  const reason = blockedBy(budget('web', 0));
  const ownerOf = (more: Partial<Pod>) => onlyHold(waits(reason, [pod('web-0', more)])).owner;
  const controller = { kind: 'ReplicaSet', name: 'web-7f9c' };
  assert.equal(ownerOf({ controller, labels: { 'pod-template-hash': '7f9c' } }), 'Deployment shop/web');
  assert.equal(ownerOf({ controller, labels: { 'pod-template-hash': 'abcd' } }), 'ReplicaSet shop/web-7f9c');
  assert.equal(ownerOf({ controller }), 'ReplicaSet shop/web-7f9c');
  assert.equal(ownerOf({ controller: { kind: 'StatefulSet', name: 'db' } }), 'StatefulSet shop/db');
});

// "Structural" for a budget that only waits for a pod to start sends people to change what is right, and the other way round.
// kubernetes: pkg/registry/core/pod/storage/eviction.go (unhealthyPodEvictionPolicy), pkg/controller/disruption/disruption.go
test('the cause under a budget: its arithmetic, pods that are not ready, or only time', () => {
  const causeOf = (more: Partial<Budget>, podIs: Partial<Pod> = {}) =>
    onlyHold(waits(blockedBy(budget('web', 0, more)), [pod('web-0', podIs)])).cause;
  assert.equal(causeOf({ desired: 2, healthy: 2, expected: 3 }), 'transient');
  assert.equal(causeOf({ desired: 2, healthy: 1, expected: 3 }), 'transient');
  assert.equal(causeOf({ desired: 3, healthy: 3, expected: 3 }), 'structural');
  assert.equal(causeOf({ desired: 3, healthy: 3, expected: 2 }), 'structural');
  assert.equal(causeOf({ desired: 0, healthy: 0, expected: 0, syncError: 'no scale' }), 'structural');
  assert.equal(causeOf({ desired: 2, healthy: 1, expected: 3 }, { ready: false }), 'unhealthy');
  assert.equal(causeOf({ desired: 3, healthy: 2, expected: 3 }, { ready: false }), 'unhealthy');
  const always = { unhealthyPodEvictionPolicy: 'AlwaysAllow', desired: 2, healthy: 1, expected: 3 };
  assert.equal(causeOf(always, { ready: false }), 'transient');
});

// An operator reads "allows no disruption" at night, and has to find out by himself which of six changes would help.
test('each hold that only a change ends says the command for it', () => {
  const remedy = (rule: Budget['rule'], desired: number, expected: number, pods = checkout(1)) =>
    onlyHold(
      waits(blockedBy(budget('checkout', 0, { desired, healthy: desired, expected, ...(rule && { rule }) })), pods),
    ).remedy ?? '';
  const minimum = remedy({ field: 'minAvailable', value: 8 }, 8, 8);
  assert.match(minimum, /^add a replica: kubectl -n shop scale deployment\/checkout --replicas=9; or /);
  assert.match(minimum, /--type merge -p '\{"spec":\{"minAvailable":7\}\}'/);
  assert.match(minimum, /SURGE=blocked/);
  // 90 % of five is five, of ten nine.
  assert.match(remedy({ field: 'minAvailable', value: '90%' }, 5, 5), /--replicas=10;/);
  const share = '{"spec":{"minAvailable":null,"maxUnavailable":1}}';
  assert.ok(remedy({ field: 'minAvailable', value: '100%' }, 5, 5).includes(share));
  // No number of replicas helps here.
  for (const rule of [
    { field: 'maxUnavailable', value: 0 },
    { field: 'maxUnavailable', value: '0%' },
    { field: 'minAvailable', value: '100%' },
  ] as const) {
    assert.doesNotMatch(remedy(rule, 3, 3), /scale/, JSON.stringify(rule));
    assert.match(remedy(rule, 3, 3), /"maxUnavailable":1/);
  }
  const sts = podsOf('db', 1, { controller: { kind: 'StatefulSet', name: 'db' } });
  assert.match(remedy({ field: 'minAvailable', value: 1 }, 1, 1, sts), /scale statefulset\/db --replicas=2/);
  assert.doesNotMatch(remedy({ field: 'minAvailable', value: 1 }, 1, 1, sts), /SURGE/);
  // The controller cannot work out maxUnavailable for pods without a controller.
  const bare = remedy({ field: 'minAvailable', value: 1 }, 1, 1, [pod('bare')]);
  assert.match(bare, /^let one pod be missing: .*'\{"spec":\{"minAvailable":0\}\}'$/);
});

// Scenario 26: a crash-looping pod keeps a whole node, and the field that frees it is hardly known.
// https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
test('a crash-looping pod under the default policy is said to be one, with the policy that lets it go', () => {
  const strict = budget('checkout', 0, { desired: 3, healthy: 2, expected: 3 });
  const hold = onlyHold(waits(blockedBy(strict), checkout(1, { ready: false, failing: 'CrashLoopBackOff' })), 40_000);
  assert.equal(
    hold.text,
    'budget shop/checkout needs 3 healthy pods and has 2 of 3, and keeps pods that are not ready, too: ' +
      'checkout-0 (CrashLoopBackOff) of Deployment shop/checkout for 40 s',
  );
  assert.match(
    hold.remedy ?? '',
    /kubectl -n shop patch poddisruptionbudget checkout --type merge -p '\{"spec":\{"unhealthyPodEvictionPolicy":"AlwaysAllow"\}\}'/,
  );
});

// Each of these was "refused" with the words of the API server, which name neither the budgets nor whom to ask.
test('several budgets, webhooks, other admission and a namespace that ends are told apart, and named', () => {
  const two = [budget('web', 1), budget('all', 1)];
  const refused = (by?: Extract<WaitReason, { kind: 'refused' }>['by'], budgets?: Budget[]): WaitReason => ({
    kind: 'refused',
    message: 'the words of the server',
    cause: 'eviction refused',
    ...(by && { by }),
    ...(budgets && { budgets }),
  });
  const several = onlyHold(waits(refused({ kind: 'several budgets' }, two)));
  assert.deepEqual([several.cause, several.by], ['several budgets', 'budgets shop/all, shop/web']);
  assert.match(several.remedy ?? '', /kubectl -n shop edit poddisruptionbudget web$/);
  // The plan asks again, and waits for a budget meanwhile: it is the same hold.
  const asked = onlyHold(waits({ kind: 'budget', budgets: two.slice(1), over: two }));
  assert.deepEqual([asked.cause, asked.by], ['several budgets', 'budgets shop/all, shop/web']);
  assert.equal(onlyHold(waits(refused({ kind: 'several budgets' }, []))).by, 'several budgets of shop');

  const webhook = onlyHold(waits(refused({ kind: 'webhook', name: 'virt-api.kubevirt.io' })));
  assert.deepEqual([webhook.cause, webhook.by], ['webhook', 'webhook virt-api.kubevirt.io']);
  assert.match(
    webhook.text,
    /^webhook virt-api.kubevirt.io refuses the eviction \(the words of the server\): shop\/web-0$/,
  );
  assert.match(webhook.remedy ?? '', /kubectl get validatingwebhookconfigurations.*grep -e virt-api.kubevirt.io$/);

  assert.deepEqual([onlyHold(waits(refused())).cause, onlyHold(waits(refused())).by], ['refused', 'the API server']);
  const ending = onlyHold(waits(refused({ kind: 'namespace' })));
  assert.deepEqual([ending.cause, ending.by, ending.needsChange], ['transient', 'namespace shop', false]);
});

// Whoever registers a webhook chooses its name, and an operator copies the line into a shell.
test('a name that is none of Kubernetes never comes into a command', () => {
  const by = { kind: 'webhook', name: 'x; rm -rf ~' } as const;
  const { remedy } = onlyHold(waits({ kind: 'refused', message: 'no', by }));
  assert.doesNotMatch(remedy ?? '', /rm -rf/);
});

// Scenario 34: a pod whose containers have ended looks like one that still shuts down.
test('a finalizer holds a pod whose containers have ended, and an ordinary shutdown is no hold', () => {
  const deletion = { deadline: now + 30_000, graceSeconds: 30 };
  const terminating = (more: Partial<Pod>, since = now) =>
    waits({ kind: 'terminating', since }, [pod('web-0', { deletion, ...more })]);
  const finalizers = ['example.com/hold'];
  const hold = onlyHold(terminating({ finalizers, running: false }), 45_000);
  assert.deepEqual([hold.cause, hold.by], ['finalizer', 'finalizer example.com/hold']);
  assert.equal(hold.text, 'finalizer example.com/hold keeps pods whose containers have ended: shop/web-0 for 45 s');
  assert.match(hold.remedy ?? '', /patch pod web-0 --type merge -p '\{"metadata":\{"finalizers":null\}\}'$/);
  assert.deepEqual(holdsIn(terminating({ finalizers })), []);
  assert.deepEqual(holdsIn(terminating({}, now - 59_000)), []);
  assert.equal(onlyHold(terminating({}, now - 60_000)).cause, 'kubelet');
});

test('a wish not to be disrupted, missing nodes and a workload without a budget are holds that time ends', () => {
  const wish = onlyHold(
    waits({ kind: 'do-not-disrupt', annotation: 'karpenter.sh/do-not-disrupt', until: now + 60_000 }),
  );
  assert.deepEqual([wish.cause, wish.by, wish.needsChange], ['do-not-disrupt', 'karpenter.sh/do-not-disrupt', false]);
  assert.match(wish.remedy ?? '', /kubectl -n shop annotate pod web-0 karpenter.sh\/do-not-disrupt-$/);
  const workload = {
    name: 'Deployment shop/checkout',
    namespace: 'shop',
    replicas: 4,
    selector: [],
    readyElsewhere: 2,
    leaving: [],
    since: now,
  };
  const spread = onlyHold(waits({ kind: 'spread', workload, until: now + 300_000 }, checkout(2)));
  assert.deepEqual([spread.cause, spread.by], ['spread', 'Deployment shop/checkout']);
  const name = 'migration.example.com/vm';
  const responder = onlyHold(waits({ kind: 'responder', name, hasActed: true, until: now + 300_000 }, checkout(2)));
  assert.deepEqual([responder.cause, responder.by], ['responder', `responder ${name}`]);
  assert.match(responder.text, /is ending pods in its own way/);
  const capacity = onlyHold(waits({ kind: 'capacity' }, [...checkout(2), pod('bare')]));
  assert.deepEqual([capacity.cause, capacity.pods.length, capacity.owner], ['capacity', 3, undefined]);
  const room = onlyHold(waits({ kind: 'room' }, checkout(2)));
  assert.match(room.text, /^the other nodes have no room for the pods/);
  const slot = onlyHold(
    waits({ kind: 'slot', text: 'waits for a slot: 3 of 3 drains of the cluster are running' }, [pod('bare')]),
  );
  assert.match(slot.text, /^it waits for a slot: 3 of 3 drains of the cluster are running/);
});

// Each retry of a refused eviction would end the hold and begin another, which never lasts long enough to be told of.
test('an eviction that is tried again is held by what held it, since when that began', () => {
  const reason: WaitReason = { kind: 'refused', message: 'no', by: { kind: 'webhook', name: 'keep' } };
  const [one] = [pod('web-0')];
  const plans: Decision[][] = [
    waits(reason, [one]),
    [{ action: 'evict', pod: one }],
    waits({ kind: 'requested' }, [one]),
    waits({ kind: 'refused', message: 'connection reset', cause: 'unanswered' }, [one]),
    waits(reason, [one]),
  ];
  let holds = NO_HOLDS;
  for (const [index, decisions] of plans.entries()) {
    holds = holdsOf({ decisions, wakeAt: undefined }, now + index * 10_000, holds);
    assert.deepEqual(
      [...holds.groups.values()].map(({ grip, since }) => [grip.by, since]),
      [['webhook keep', now]],
    );
  }
  const ended = holdsOf({ decisions: waits({ kind: 'accepted' }, [one]), wakeAt: undefined }, now + 60_000, holds);
  assert.equal(ended.groups.size, 0);
  // Nothing is known of a pod that was never refused.
  assert.equal(
    holdsOf({ decisions: waits({ kind: 'requested' }, [one]), wakeAt: undefined }, now, NO_HOLDS).groups.size,
    0,
  );
});

// A Kubernetes Event is cut at 1,024 characters, and a line of a terminal much earlier: what matters comes first.
test('500 pods with the longest names that Kubernetes allows make one short text', () => {
  const long = (text: string) => text.padEnd(253, 'x');
  const pods = Array.from({ length: 500 }, (_, index) =>
    pod(`${'a'.repeat(247)}-${String(index).padStart(5, '0')}`, {
      controller: { kind: 'StatefulSet', name: long('set') },
      ready: false,
      failing: 'CreateContainerConfigError',
    }),
  );
  const hold = onlyHold(waits(blockedBy(budget(long('budget'), 0)), pods), 3 * 3_600_000);
  assert.ok(hold.text.length < 700, `${hold.text.length} characters`);
  assert.match(
    hold.text,
    /…a+-00000 \(CreateContainerConfigError\), .* \(497 more\) of StatefulSet shop\/set.* for 3 h$/,
  );
  assert.equal(hold.by, `budget shop/${long('budget')}`, 'a command needs the whole name');
  const finalizers = Array.from({ length: 30 }, (_, index) => long(`example.com/${index}`));
  const deletion = { deadline: now, graceSeconds: 0 };
  const stuck = pod('stuck', { finalizers, deletion, running: false });
  assert.ok(onlyHold(waits({ kind: 'terminating', since: now }, [stuck])).text.length < 700);
});
