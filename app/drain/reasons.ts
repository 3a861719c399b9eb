import type { Budget } from './budget.ts';
import type { Decision, SkipReason, WaitReason } from './decision.ts';
import type { Pod } from './pod.ts';
import type { ObservedWorkload } from './workload.ts';

/** The reason of a decision, for people. */
export function reasonText(decision: Decision, now: number): string {
  switch (decision.action) {
    case 'evict':
      return 'to be evicted';
    case 'request':
      return 'its responders are to be asked';
    case 'delete':
      return 'to be deleted';
    case 'skip':
      return skipText(decision.reason, decision.pod);
    case 'wait':
      return waitText(decision.reason, decision.pod, now);
  }
}

function skipText(reason: SkipReason, pod: Pod): string {
  switch (reason) {
    case 'mirror':
      return 'static pod of the kubelet';
    case 'daemonset':
      return `belongs to DaemonSet ${pod.controller?.name ?? ''}`.trim();
    case 'daemonset last':
      return `belongs to DaemonSet ${pod.controller?.name ?? ''}: evicted last`;
    case 'stays':
      return `asks to stay on the node by ${pod.staysBy ?? ''}`;
    case 'tolerant daemonset':
      return `belongs to DaemonSet ${pod.controller?.name ?? ''} and tolerates every taint: it would return`;
    case 'finished':
      return `finished (${pod.phase})`;
    case 'dead kubelet':
      return `the kubelet is dead, and the pod is past its grace period of ${pod.deletion?.graceSeconds ?? 0} s: not waiting for it`;
    case 'finalizer only':
      return `its containers have ended, and only finalizer ${pod.finalizers.join(', ')} keeps the pod: not waiting for it`;
    case 'keeps returning':
      return 'keeps returning to this node in spite of the cordon';
  }
}

function waitText(reason: WaitReason, pod: Pod, now: number): string {
  switch (reason.kind) {
    case 'requested':
      return 'eviction requested';
    case 'accepted':
      return 'eviction accepted';
    case 'terminating':
      return terminatingText(pod, reason.since, now);
    case 'capacity':
      return 'waits until the Auto Scaling group has its ready nodes';
    case 'room':
      return 'waits until the pods of this node would fit on other nodes';
    case 'slot':
      return reason.text;
    case 'priority':
      return `waits for ${reason.pods} pod${reason.pods === 1 ? '' : 's'} of lower priority`;
    case 'do-not-disrupt':
      return `not disrupted until ${new Date(reason.until).toISOString()}, because of ${reason.annotation}`;
    case 'refused':
      return reason.message;
    case 'budget':
      if (reason.budgets.length > 0) return reason.budgets.map(budgetText).join(', ');
      return reason.named === undefined
        ? 'a budget allows no disruption'
        : `budget ${reason.named} allows no disruption`;
    case 'unread budgets':
      return `waits until the budgets of ${pod.namespace} have been read`;
    case 'unread responders':
      return 'waits until it is known whether its responders can be asked';
    case 'responder':
      return reason.hasActed
        ? `responder ${reason.name} is ending it`
        : `its eviction was requested of ${reason.name}; evicted at ${new Date(reason.until).toISOString()} unless that acts`;
    case 'unread workload':
      return 'waits until its workload has been read';
    case 'spread':
      return spreadText(reason.workload);
    case 'surge':
      return `its Deployment ${reason.deployment} is restarting, and replaces it before it ends it`;
    case 'unverified':
      return 'appeared late: verifying that the node is still the same';
    case 'returned':
      return `returned to this node; evicted again at ${new Date(reason.until).toISOString()}`;
    case 'in-flight limit':
      return 'waits for other evictions to be answered';
  }
}

function spreadText({ name, readyElsewhere, replicas }: ObservedWorkload): string {
  return `${name} has no budget, and ${readyElsewhere} of its ${replicas} pods are ready on other nodes: waits for the next one`;
}

function budgetText({ name, healthy, expected, desired }: Budget): string {
  return `budget ${name} allows no disruption (${healthy} of ${expected} healthy, ${desired} needed)`;
}

function terminatingText({ deletion, finalizers }: Pod, since: number, now: number): string {
  if (deletion === undefined) return 'terminating';
  // It may have been terminating before we came: the API server's clock says since when, if it agrees with ours.
  const seconds = Math.round(Math.max(now - since, now - deletion.deadline + deletion.graceSeconds * 1000) / 1000);
  const text = `terminating for ${seconds} s of ${deletion.graceSeconds} s grace`;
  return finalizers.length === 0 ? text : `${text}, held by finalizer ${finalizers.join(', ')}`;
}
