import type { Budget } from './budget.ts';
import type { Verdict, WaitReason } from './plan.ts';
import type { Pod } from './pod.ts';
import type { LeaveReason } from './standing.ts';

/** Why a pod stays or is waited for, in words. */
export function why(verdict: Verdict, now: number): string {
  switch (verdict.act) {
    case 'evict':
      return 'to be evicted';
    case 'delete':
      return 'to be deleted';
    case 'leave':
      return whyLeft(verdict.why, verdict.pod);
    case 'wait':
      return whyAwaited(verdict.why, verdict.pod, now);
  }
}

function whyLeft(reason: LeaveReason, pod: Pod): string {
  switch (reason) {
    case 'daemonset':
      return `belongs to DaemonSet ${pod.controller?.name ?? ''}`.trim();
    case 'lasting daemonset':
      return `belongs to DaemonSet ${pod.controller?.name ?? ''}, and tolerates every taint: it would come back`;
    case 'dead kubelet':
      return `the node is not ready, and the pod is past its ${pod.deletion?.graceSeconds ?? 0} s grace: given up`;
    case 'finalizer only':
      return `the node is not ready, and only finalizer ${pod.finalizers.join(', ')} keeps the pod: given up`;
    case 'comes back':
      return 'comes back to this node each time, in spite of the cordon';
    case 'mirror':
      return 'static pod of the kubelet';
    case 'finished':
      return `finished (${pod.phase})`;
  }
}

function whyAwaited(reason: WaitReason, pod: Pod, now: number): string {
  switch (reason.kind) {
    case 'asking':
      return 'eviction sent';
    case 'accepted':
      return 'eviction accepted';
    case 'terminating':
      return terminatingText(pod, reason.since, now);
    case 'rank':
      return `goes after ${reason.after} other${reason.after === 1 ? '' : 's'}`;
    case 'courtesy':
      return `asks for time by ${reason.annotation}, until ${new Date(reason.until).toISOString()}`;
    case 'refused':
      return reason.message;
    case 'budget':
      if (reason.budgets.length > 0) return reason.budgets.map(budgetText).join(', ');
      return reason.named === undefined ? 'a budget allows none' : `budget ${reason.named} allows none`;
  }
}

function budgetText({ name, healthy, expected, desired }: Budget): string {
  return `budget ${name} allows none (${healthy} of ${expected} healthy, ${desired} needed)`;
}

function terminatingText({ deletion, finalizers }: Pod, since: number, now: number): string {
  if (deletion === undefined) return 'terminating';
  // It may have been terminating before we came; the API server's clock tells, if it agrees with ours.
  const seconds = Math.round(Math.max(now - since, now - deletion.deadline + deletion.graceSeconds * 1000) / 1000);
  const text = `terminating for ${seconds} s of ${deletion.graceSeconds} s grace`;
  return finalizers.length === 0 ? text : `${text}, held by finalizer ${finalizers.join(', ')}`;
}
