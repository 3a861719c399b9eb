import type { Summary, SweepSummary } from '../../app/events.ts';

/** The summary of a drain in which everything went well, except for `overrides`. */
export function summaryWith(overrides: Partial<Summary> = {}): Summary {
  return {
    result: 'drained',
    exitCode: 0,
    hook: 'CONTINUE',
    target: 'i-0123456789abcdef0',
    targetKind: 'instance',
    reason: 'termination',
    cluster: 'prod',
    group: 'workers',
    lost: [],
    node: 'node-a',
    pods: { evicted: 12, skipped: 3, remaining: 0 },
    longestBlocked: { pod: 'shop/db-0', seconds: 4.2 },
    blockedSeconds: 6.3,
    heldBy: [{ by: 'budget shop/db', cause: 'transient', seconds: 4.2 }],
    heartbeats: 2,
    heartbeatsFailed: 0,
    seconds: { drain: 7, total: 8.5 },
    apiRequests: { list: 2 },
    ...overrides,
  };
}

/** The summary of a sweep that started one missing task, except for `overrides`. */
export function sweepSummaryWith(overrides: Partial<SweepSummary> = {}): SweepSummary {
  return {
    groups: 7,
    waiting: 3,
    withTask: 2,
    retained: 0,
    recentlyStarted: 0,
    held: 0,
    clustersUnknown: 0,
    otherClusters: 0,
    groupsWithoutHook: 0,
    started: 1,
    refused: 0,
    seconds: 1.5,
    exitCode: 0,
    ...overrides,
  };
}
