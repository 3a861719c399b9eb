import type { RemainingPod } from '../events.ts';
import type { RunTotals } from '../run/totals.ts';
import { byHold } from './hold-lines.ts';
import type { Problem } from './problems.ts';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';
export type Paint = (style: Style, text: string) => string;

type View = {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly startedAt: number;
  readonly problems: readonly Problem[];
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
};

const MAX_BAR_COLUMNS = 32;
/** A narrower terminal has room for the counts only. */
const MIN_COLUMNS_FOR_BAR = 60;
/** This many permanent lines stay visible above the frame. */
const PERMANENT_LINES = 3;
/** The message of a problem takes this many lines: its cause comes last. */
const MAX_PROBLEM_LINES = 3;
/** This much of a node's name is enough to recognise it. */
const MIN_NAME_COLUMNS = 18;
/** A truncated pod name keeps this much of its end, in which the pods of a controller differ. */
const POD_SUFFIX = 6;

/** The live lines: the node, a bar with the counts, the remaining pods with their reasons, and the problems. */
export function frame(totals: RunTotals, view: View): readonly string[] {
  const { now, problems, columns, rows, paint } = view;
  const remaining = [...totals.remaining(now)].sort((a, b) => Number(a.ending) - Number(b.ending));
  const head = ['', titleLine(totals, view), ...progressLines(totals, remaining, view)];
  const maxLines = Math.max(1, Math.min(MAX_PROBLEM_LINES, Math.floor(rows / 8)));
  const foot = problems.flatMap(({ message, at }) =>
    wrap(`${duration(now - at)} ago: ${message}`, columns - 2, maxLines).map((line, index) =>
      paint('red', truncate(`${index === 0 ? '!' : ' '} ${line}`, columns)),
    ),
  );
  // One more row for the cursor, which is below the frame.
  const room = Math.max(1, rows - 1 - PERMANENT_LINES - head.length - foot.length);
  return [...head, ...podLines(remaining, room, view), ...foot].slice(0, rows - 1);
}

function titleLine(totals: RunTotals, { now, startedAt, columns, paint }: View): string {
  const { node, lastHeartbeatAt } = totals;
  const heartbeat = lastHeartbeatAt === undefined ? [] : [`heartbeat ${duration(now - lastHeartbeatAt)} ago`];
  const times = fitParts([duration(now - startedAt), ...heartbeat], columns - MIN_NAME_COLUMNS - 4);
  const name = truncate(node ?? 'looking for the node', columns - times.length - 4);
  return `  ${paint('bold', name)}  ${paint('dim', times)}`;
}

/** The counts, with a bar where it fits. None while there is nothing to count. */
function progressLines(
  { gone, skipped }: RunTotals,
  remaining: readonly RemainingPod[],
  { columns, paint }: View,
): string[] {
  const total = gone + remaining.length;
  const ending = remaining.filter((pod) => pod.ending).length;
  const counts = [
    ...(total === 0 ? [] : [`${gone} of ${total} gone`]),
    ...counted(remaining.length - ending, 'waiting'),
    ...counted(ending, 'ending'),
    ...counted(skipped, 'skipped'),
  ];
  if (counts.length === 0) return [];
  if (total === 0 || columns < MIN_COLUMNS_FOR_BAR) return [`  ${fitParts(counts, columns - 2)}`];
  // The length depends on the terminal only: a bar that changes with the counts would look like progress.
  const length = Math.min(MAX_BAR_COLUMNS, Math.floor(columns * 0.3));
  const filled = Math.floor((length * gone) / total);
  return [
    `  ${paint('green', '█'.repeat(filled))}${paint('dim', '░'.repeat(length - filled))}  ${fitParts(counts, columns - length - 4)}`,
  ];
}

function podLines(remaining: readonly RemainingPod[], room: number, { columns, paint }: View): string[] {
  const { holds, others } = byHold(remaining);
  const fits = holds.size + others.length <= room;
  const shownHolds = [...holds].slice(0, fits ? room : room - 1);
  const shown = others.slice(0, Math.max(0, (fits ? room : room - 1) - shownHolds.length));
  const width = Math.min(Math.floor(columns * 0.6), Math.max(0, ...shown.map(({ pod }) => pod.length)));
  const lines = [
    ...shownHolds.map(({ text }) => `  ${paint('yellow', truncate(text, columns - 2))}`),
    ...shown.map(({ pod, reason, ending, blocked }) => {
      const text = truncate(reason, columns - width - 4);
      return `  ${truncate(pod, width, POD_SUFFIX).padEnd(width)}  ${blocked ? paint('yellow', text) : ending ? paint('dim', text) : text}`;
    }),
  ];
  const more = remaining.length - shown.length - shownHolds.reduce((sum, { pods }) => sum + pods.length, 0);
  return more === 0 ? lines : [...lines, paint('dim', truncate(`  … and ${more} more`, columns))];
}

function counted(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

/** As many of the first parts as fit, but at least one. */
function fitParts(parts: readonly string[], width: number): string {
  for (let count = parts.length; count > 1; count--) {
    const text = parts.slice(0, count).join(' · ');
    if (text.length <= width) return text;
  }
  return truncate(parts[0] ?? '', width);
}

/** Breaks the text between words, and truncates the last line. */
function wrap(text: string, width: number, maxLines: number): readonly string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines.splice(-1, 1, word);
    else if (lines.length === maxLines || line.length + 1 + word.length <= width)
      lines.splice(-1, 1, `${line} ${word}`);
    else lines.push(word);
  }
  return lines.map((line) => truncate(line, width));
}

/** @param suffix how many characters of the end to keep */
function truncate(text: string, width: number, suffix = 0): string {
  if (text.length <= width) return text;
  const end = suffix + 1 < width ? suffix : 0;
  return width < 1 ? '' : `${text.slice(0, width - 1 - end).trimEnd()}…${text.slice(text.length - end)}`;
}

/** `75_000` → `1 min 15 s` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
