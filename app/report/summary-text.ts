import type { Summary, SweepSummary } from '../events.ts';
import { firstOf, grouped } from './counted.ts';

/** A drain in one line. */
export function summaryText(summary: Summary): string {
  const { result, target, node, pods, lost, heartbeatsFailed, seconds, hook, exitCode } = summary;
  return [
    `${target}: ${result} in ${Math.round((seconds['total'] ?? 0) * 10) / 10} s`,
    ...(node === undefined ? [] : [`node ${node}`]),
    `${pods.evicted} evicted, ${pods.skipped} skipped${pods.remaining > 0 ? `, ${pods.remaining} remaining` : ''}`,
    ...(lost.length === 0 ? [] : [lostText(lost)]),
    ...blockedText(summary),
    ...(heartbeatsFailed === 0 ? [] : [`${heartbeatsFailed} heartbeat${heartbeatsFailed === 1 ? '' : 's'} failed`]),
    `hook: ${hook}`,
    `exit ${exitCode}`,
  ].join(' · ');
}

/** A shorter hold is how every drain goes. */
const NOTABLE_SECONDS = 30;

function lostText(lost: readonly string[]): string {
  return `${lost.length} lost: ${firstOf(lost)}`;
}

function blockedText({ blockedSeconds, longestBlocked, heldBy }: Summary): string[] {
  const [first] = heldBy;
  const held =
    first === undefined || first.seconds < NOTABLE_SECONDS ? [] : [`held by ${first.by} for ${first.seconds} s`];
  if (longestBlocked === undefined) return held;
  return [...held, `blocked for ${blockedSeconds} s, ${longestBlocked.pod} for ${longestBlocked.seconds} s`];
}

/** A sweep in one line. What is usually 0 is named only when it is not. */
export function sweepText(summary: SweepSummary): string {
  const { groups, waiting, withTask, started, refused, groupsWithoutHook = 0, seconds, exitCode } = summary;
  const exceptions: readonly (readonly [count: number, text: string])[] = [
    [summary.retained, 'retained'],
    [summary.recentlyStarted, 'started less than 5 min ago'],
    [summary.held, 'held'],
    [summary.clustersUnknown, 'of unknown clusters'],
    [summary.otherClusters, 'of other clusters'],
  ];
  const found = [
    `${grouped(waiting)} instance${waiting === 1 ? '' : 's'} waiting`,
    `${grouped(withTask)} with a task`,
    ...exceptions.filter(([count]) => count > 0).map(([count, text]) => `${grouped(count)} ${text}`),
    `${grouped(started)} started`,
    `${grouped(refused)} refused`,
  ].join(', ');
  const withoutHook = groupsWithoutHook === 0 ? '' : ` (${grouped(groupsWithoutHook)} without the hook)`;
  return `${grouped(groups)} group${groups === 1 ? '' : 's'} checked${withoutHook}: ${found} · ${seconds} s · exit ${exitCode}`;
}
