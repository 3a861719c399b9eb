import type { Budget } from './budget.ts';
import type { LeaveReason, Verdict, WaitReason } from './plan.ts';
import type { Pod } from './pod.ts';

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
      return terminatingText(pod, now);
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

function terminatingText({ deletion, finalizers }: Pod, now: number): string {
  if (deletion === undefined) return 'terminating';
  const seconds = Math.max(0, Math.round((now - deletion.deadline) / 1000) + deletion.graceSeconds);
  const text = `terminating for ${seconds} s of ${deletion.graceSeconds} s grace`;
  return finalizers.length === 0 ? text : `${text}, held by finalizer ${finalizers.join(', ')}`;
}
