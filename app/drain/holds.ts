import type { Hold, HoldCause } from '../events.ts';
import { type Budget, canNeverAllow, cannotCount } from './budget.ts';
import type { Decision, Plan, WaitReason } from './decision.ts';
import { durationText, type Grip, type HoldGroup, type ReportedHold } from './hold.ts';
import { nameOf, type Pod } from './pod.ts';
import { ownerOf, ownerText, remedyFor } from './remedies.ts';

export type Holds = {
  /** By cause, holder and owner. */
  readonly groups: ReadonlyMap<string, HoldGroup>;
  /** By the pod's UID. */
  readonly gripOf: ReadonlyMap<string, { readonly key: string; readonly grip: Grip }>;
};

export const NO_HOLDS: Holds = { groups: new Map(), gripOf: new Map() };

const NEEDS_CHANGE: ReadonlySet<HoldCause> = new Set([
  'structural',
  'unhealthy',
  'several budgets',
  'webhook',
  'refused',
  'finalizer',
  'kubelet',
]);

/** This long after the end of its grace period, a pod whose containers run is no longer an ordinary shutdown. */
const PAST_GRACE_MS = 30_000;

/**
 * What holds pods on the node, grouped by cause and owner, as Cluster API does.
 * https://github.com/kubernetes-sigs/cluster-api/blob/v1.9.0/internal/controllers/machine/drain/drain.go (EvictionResult)
 * @param before the holds of the previous plan: they say since when, and what held a pod whose eviction is being tried again
 */
export function holdsOf({ decisions }: Plan, now: number, before: Holds): Holds {
  const gripOf = new Map<string, { key: string; grip: Grip }>();
  const groups = new Map<string, { grip: Grip; pods: Pod[]; since: number }>();
  for (const decision of decisions) {
    const { pod } = decision;
    const grip = gripFor(decision, now);
    const held =
      grip === 'as before'
        ? before.gripOf.get(pod.uid)
        : grip && { key: `${grip.cause}\n${grip.by}\n${ownerText(grip.owner)}`, grip };
    if (held === undefined) continue;
    gripOf.set(pod.uid, held);
    const group = groups.get(held.key);
    if (group === undefined) {
      const since = before.groups.get(held.key)?.since ?? now;
      groups.set(held.key, { grip: held.grip, pods: [pod], since });
    } else {
      group.pods.push(pod);
      // What is known from now is better than what was known when the eviction was last refused.
      if (grip !== 'as before') group.grip = held.grip;
    }
  }
  return { groups, gripOf };
}

/** The holds of a drain, to be reported. */
export function reportedHolds({ groups }: Holds): ReadonlyMap<string, ReportedHold> {
  const reported = new Map<string, ReportedHold>();
  for (const [key, group] of groups) {
    const { cause, by, owner } = group.grip;
    const describeAt = (now: number) => describe(group, now);
    reported.set(key, {
      cause,
      by,
      ...(owner && { owner: ownerText(owner) }),
      since: group.since,
      describe: describeAt,
    });
  }
  return reported;
}

/** The hold in words. */
export function describe({ grip, pods, since }: HoldGroup, now: number): Hold {
  const { cause, by, budgets } = grip;
  const sorted = [...pods].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const inBudget = budgets.length > 0;
  const names = sorted.map((pod) => shortened(inBudget ? pod.name : nameOf(pod)) + failureText(pod, cause));
  const owner = ownerText(grip.owner);
  const of = owner === '' ? '' : ` of ${shortened(owner, 100)}`;
  const remedy = remedyFor(grip, sorted);
  return {
    cause,
    by,
    ...(owner !== '' && { owner }),
    pods: sorted.map(nameOf),
    since,
    text: `${whatHolds(grip, now)}: ${listed(names)}${of}${durationText(now - since)}`,
    ...(remedy !== undefined && { remedy }),
    needsChange: NEEDS_CHANGE.has(cause),
    budgets: budgets.map(({ namespace, name, uid }) => ({ namespace, name, uid })),
  };
}

/** `as before`: what held the pod is being tried again, or nothing is known yet. undefined: nothing holds it. */
function gripFor(decision: Decision, now: number): Grip | 'as before' | undefined {
  switch (decision.action) {
    case 'skip':
      return undefined;
    case 'request':
    case 'evict':
    case 'delete':
      return 'as before';
    case 'wait':
      return gripOfWait(decision.pod, decision.reason, now);
  }
}

/** Every pod of the node waits for it, whoever owns it. */
function gate(cause: HoldCause, by: string, reason: WaitReason): Grip {
  return { cause, by, budgets: [], reason };
}

function gripOfWait(pod: Pod, reason: WaitReason, now: number): Grip | 'as before' | undefined {
  const grip = (cause: HoldCause, by: string, budgets: readonly Budget[] = []): Grip => {
    const owner = ownerOf(pod);
    return { cause, by, budgets, reason, ...(owner && { owner }) };
  };
  switch (reason.kind) {
    case 'budget': {
      const { budgets, over = budgets, named } = reason;
      if (over.length > 1) return grip('several budgets', budgetsText(pod, over), over);
      const [budget] = budgets;
      if (budget === undefined) return grip('transient', named ? `budget ${pod.namespace}/${named}` : 'a budget');
      return grip(causeOf(pod, budget), `budget ${nameOf(budget)}`, [budget]);
    }
    case 'refused': {
      if (reason.cause === 'unanswered') return 'as before';
      const { by, budgets = [] } = reason;
      if (by?.kind === 'webhook') return grip('webhook', `webhook ${by.name}`);
      if (by?.kind === 'several budgets') return grip('several budgets', budgetsText(pod, budgets), budgets);
      if (by?.kind === 'namespace') return grip('transient', `namespace ${pod.namespace}`);
      return grip('refused', 'the API server');
    }
    case 'terminating': {
      if (!pod.running && pod.finalizers.length > 0) return grip('finalizer', `finalizer ${pod.finalizers.join(', ')}`);
      const graceMs = (pod.deletion?.graceSeconds ?? 0) * 1000;
      return now - reason.since >= graceMs + PAST_GRACE_MS ? grip('kubelet', 'the kubelet') : undefined;
    }
    case 'do-not-disrupt':
      return grip('do-not-disrupt', reason.annotation);
    case 'spread':
      return grip('spread', reason.workload.name);
    case 'responder':
      return reason.hasActed ? grip('responder', `responder ${reason.name}`) : 'as before';
    case 'capacity':
      return gate('capacity', 'the Auto Scaling group', reason);
    case 'room':
      return gate('capacity', 'the other nodes', reason);
    case 'slot':
      return gate('slot', 'other drains', reason);
    case 'accepted':
    case 'priority':
    case 'returned':
    // Its rollout has a progress deadline; what ends it otherwise is a warning.
    case 'surge':
      return undefined;
    case 'requested':
    case 'unread budgets':
    case 'unread responders':
    case 'unread workload':
    case 'unverified':
    case 'in-flight limit':
      return 'as before';
  }
}

/** Why one budget holds this pod. What would let the pod go comes first, even if its neighbours need more. */
function causeOf(pod: Pod, budget: Budget): HoldCause {
  if (cannotCount(budget)) return 'structural';
  if (!pod.ready && budget.unhealthyPodEvictionPolicy !== 'AlwaysAllow') return 'unhealthy';
  return canNeverAllow(budget) ? 'structural' : 'transient';
}

function budgetsText({ namespace }: Pod, budgets: readonly Budget[]): string {
  if (budgets.length === 0) return `several budgets of ${namespace}`;
  const names = budgets.map(nameOf).sort();
  return `budgets ${listed(names)}`;
}

function whatHolds({ cause, by, budgets: [budget], reason }: Grip, now: number): string {
  const holder = shortened(by, 140);
  switch (cause) {
    case 'structural':
      if (budget !== undefined && cannotCount(budget)) {
        return `${holder} cannot count its pods${budget.syncError === undefined ? '' : ` (${budget.syncError})`}, and allows no eviction`;
      }
      return `${holder} ${needsText(budget)}, and can never allow an eviction`;
    case 'unhealthy':
      return `${holder} ${needsText(budget)}, and keeps pods that are not ready, too`;
    case 'several budgets':
      return `${holder} select the same pods, which the eviction API refuses`;
    case 'webhook':
    case 'refused':
      return `${holder} refuses the eviction${reason.kind === 'refused' ? ` (${shortened(reason.message, 200)})` : ''}`;
    case 'finalizer':
      return `${holder} keeps pods whose containers have ended`;
    case 'kubelet':
      return 'the kubelet has not ended the containers within their grace period';
    case 'do-not-disrupt': {
      const until = reason.kind === 'do-not-disrupt' ? ` until ${new Date(reason.until).toISOString()}` : '';
      return `${holder} asks not to be disrupted${until}`;
    }
    case 'capacity':
      return reason.kind === 'capacity'
        ? 'the Auto Scaling group does not have its ready nodes'
        : `${holder} have no room for the pods`;
    case 'responder':
      return `${holder} is ending pods in its own way`;
    case 'slot':
      return reason.kind === 'slot' ? `it ${reason.text}` : 'as many other drains run as may, and go first';
    case 'spread': {
      const ready =
        reason.kind === 'spread' ? `${reason.workload.readyElsewhere} of ${reason.workload.replicas}` : 'few';
      const left = reason.kind === 'spread' ? `, for ${Math.ceil((reason.until - now) / 1000)} s at most` : '';
      return `${holder} has no budget, and ${ready} pods ready on other nodes${left}`;
    }
    case 'transient':
      if (budget !== undefined) return `${holder} ${needsText(budget)}`;
      return by.startsWith('namespace ') ? `${holder} is being deleted` : `${holder} allows no disruption`;
    default:
      return holder;
  }
}

/** `needs 8 healthy pods and has 8 of 8` */
function needsText(budget: Budget | undefined): string {
  if (budget === undefined) return 'allows no disruption';
  const { desired, healthy, expected } = budget;
  return `needs ${desired} healthy pod${desired === 1 ? '' : 's'} and has ${healthy} of ${expected}`;
}

/** What is wrong with a pod that is not ready is why its budget keeps it. */
function failureText({ failing }: Pod, cause: HoldCause): string {
  return cause === 'unhealthy' && failing !== undefined ? ` (${failing})` : '';
}

const MAX_NAMED = 3;

/** `a, b, c (5 more)` */
function listed(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` (${more} more)` : ''}`;
}

/** The pods of a controller differ in their last letters. */
const KEPT_END = 12;

function shortened(text: string, max = 63): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1 - KEPT_END)}…${text.slice(-KEPT_END)}`;
}
