import type { Summary } from '../../app/events.ts';

/** The summary of a drain in which all went well, but for what is said otherwise. */
export function summaryWith(otherwise: Partial<Summary> = {}): Summary {
  return {
    result: 'drained',
    exitCode: 0,
    hook: 'CONTINUE',
    target: 'i-0123456789abcdef0',
    targetKind: 'instance',
    cluster: 'prod',
    group: 'workers',
    lost: [],
    node: 'node-a',
    pods: { evicted: 12, skipped: 3, remaining: 0 },
    longestBlocked: { pod: 'shop/db-0', seconds: 4.2 },
    blockedSeconds: 6.3,
    heartbeats: 2,
    heartbeatsFailed: 0,
    seconds: { drain: 7, total: 8.5 },
    apiRequests: { list: 2 },
    ...otherwise,
  };
}
