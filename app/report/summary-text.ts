import type { Summary, SweepSummary } from './event.ts';

/** The message names this many of the pods that were lost; the field `lost` names all. */
const MOST_NAMES = 3;

/** The run in one line. */
export function summaryText(summary: Summary): string {
  const { result, target, node, pods, lost, heartbeatsFailed, seconds, hook, exitCode } = summary;
  return [
    `${target}: ${result} in ${Math.round((seconds['total'] ?? 0) * 10) / 10} s`,
    ...(node === undefined ? [] : [`node ${node}`]),
    `${pods.evicted} evicted, ${staying(pods.left)}${pods.remaining > 0 ? `, ${pods.remaining} remaining` : ''}`,
    ...(lost.length === 0 ? [] : [lostText(lost)]),
    ...blockedText(summary),
    ...(heartbeatsFailed === 0 ? [] : [`${heartbeatsFailed} heartbeat${heartbeatsFailed === 1 ? '' : 's'} failed`]),
    `hook: ${hook}`,
    `exit ${exitCode}`,
  ].join(' · ');
}

/** Not "left": that is what remains to be done, too. */
export function staying(pods: number): string {
  return `${pods} ${pods === 1 ? 'stays' : 'stay'}`;
}

/** The sweep in one line. */
export function sweepText(summary: SweepSummary): string {
  const { groups, waiting, covered, elsewhere, started, refused, seconds, exitCode } = summary;
  const found = [
    `${grouped(waiting)} instance${waiting === 1 ? ' waits' : 's wait'} in the hook`,
    `${grouped(covered)} ${covered === 1 ? 'has' : 'have'} a task`,
    ...(elsewhere === 0 ? [] : [`${grouped(elsewhere)} of other clusters`]),
    `${grouped(started)} started`,
    `${grouped(refused)} refused`,
  ].join(', ');
  return `${grouped(groups)} group${groups === 1 ? '' : 's'} looked at; ${found} · ${seconds} s · exit ${exitCode}`;
}

function lostText(lost: readonly string[]): string {
  const more = lost.length - MOST_NAMES;
  return `${lost.length} lost: ${lost.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function blockedText({ blockedSeconds, longestBlocked }: Summary): string[] {
  if (longestBlocked === undefined) return [];
  return [`blocked for ${blockedSeconds} s, ${longestBlocked.pod} for ${longestBlocked.seconds} s`];
}

/** `1200` → `1,200` */
function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
