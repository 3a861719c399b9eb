import { toLogLine } from '../../../app/report/wording.ts';
import type { WalkResult } from './walk.ts';

/** What happened in a walk, line by line: what the tasks said, and what was true. For those who look into a failure. */
export function story({ death, tasks, world }: WalkResult): string {
  const lines: { readonly at: number; readonly text: string }[] = [];
  for (const { task, startedAt, endedAt, exitCode, killed, log } of tasks) {
    lines.push({ at: startedAt, text: `task ${task} starts` });
    if (endedAt !== undefined)
      lines.push({ at: endedAt, text: `task ${task} exits with ${exitCode}${killed ? ' (killed)' : ''}` });
    for (const { at, event } of log) {
      const line = toLogLine(event);
      if (line !== undefined && event.type !== 'heartbeat') lines.push({ at, text: `  task ${task}: ${line.message}` });
    }
  }
  for (const { at, what, pod, node, task, tookEffect } of world.deeds) {
    const object = pod === undefined ? node?.uid : pod.uid;
    lines.push({ at, text: `> task ${task}: ${what} ${object}${tookEffect ? '' : ' (no effect)'}` });
  }
  for (const pod of world.pods.filter(({ where }) => where !== 'elsewhere')) {
    lines.push({ at: pod.bornAt, text: `= ${pod.uid} appears (${pod.where}, ${pod.plan.mark ?? 'plain'})` });
    if (pod.sigtermAt !== undefined) lines.push({ at: pod.sigtermAt, text: `= ${pod.uid} gets SIGTERM` });
    if (pod.endedAt !== undefined) lines.push({ at: pod.endedAt, text: `= ${pod.uid} has ended` });
    if (pod.goneAt !== undefined) lines.push({ at: pod.goneAt, text: `= ${pod.uid} is gone` });
  }
  for (const { name, detachedAt } of world.volumes)
    if (detachedAt !== undefined) lines.push({ at: detachedAt, text: `= ${name} is detached` });
  if (death !== undefined) lines.push({ at: death.at, text: `= the instance dies: ${death.cause}` });
  return lines
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, text }) => `${((at - world.startedAt) / 1_000).toFixed(1).padStart(9)} ${text}`)
    .join('\n');
}
