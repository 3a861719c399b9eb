/**
 * The flags of `kubectl drain`, and what somebody who types them gets here.
 * https://kubernetes.io/docs/reference/kubectl/generated/kubectl_drain/
 */
const ADVICE: Readonly<Record<string, string>> = {
  'ignore-daemonsets': 'leave it out: it is always so, unless DRAIN_DAEMONSETS=on',
  'delete-emptydir-data': 'leave it out: pods with emptyDir volumes always leave, and their data ends with them',
  'delete-local-data': 'leave it out: pods with emptyDir volumes always leave, and their data ends with them',
  force:
    'leave it out: pods without a controller always leave, with a warning; to drain an instance that is not terminating, add --even-if-not-terminating',
  'grace-period': 'leave it out: every pod has its own grace period, and nothing shortens it',
  timeout: 'use --drain-deadline-seconds and --on-deadline: without them a drain waits as long as it takes',
  'disable-eviction':
    'leave it out: pods are evicted, so that their budgets hold; --on-deadline=force deletes what remains at the deadline',
  'skip-wait-for-delete-timeout': 'leave it out: a pod is waited for until it is gone',
  'pod-selector': 'label the pods that are to stay: node-drainer/skip=true',
  selector: 'name one node: a drain is one process for each node',
  'chunk-size': 'leave it out: pods are listed page by page',
  'warn-about-unmanaged-pods': 'leave it out: it is always so',
};

/** Flags of kubectl that take a value, also as the next word. */
export const KUBECTL_VALUES = [
  'grace-period',
  'timeout',
  'pod-selector',
  'selector',
  'chunk-size',
  'skip-wait-for-delete-timeout',
];

/** What to do instead of this flag of `kubectl drain`; undefined: kubectl has no such flag. */
export function kubectlAdvice(flag: string): string | undefined {
  return Object.hasOwn(ADVICE, flag) ? ADVICE[flag] : undefined;
}
