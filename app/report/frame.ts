import type { RemainingPod } from '../events.ts';
import type { RunTotals } from '../run/totals.ts';
import type { Problem } from './problems.ts';
import { skippedText } from './wording.ts';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';
export type Paint = (look: Style, text: string) => string;

type View = {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly startedAt: number;
  /** What goes wrong at the moment. */
  readonly trouble: readonly Problem[];
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
};

const LONGEST_BAR = 32;
/** On a narrower terminal the counts need the room of the bar. */
const LEAST_COLUMNS_FOR_BAR = 60;
/** Of what lasts, this much stays in sight above the frame. */
const LASTING_LINES = 3;
/** The cause of trouble is at the end of what is said about it. */
const TROUBLE_LINES = 3;
/** A node's name is recognised by this much of it. */
const SHORTEST_NAME = 18;
/** What tells a pod from its siblings is at the end of its name. */
const SUFFIX = 6;

/** The live part of the screen: the node, a bar with the counts, the pods that remain with their reasons, and what goes wrong. */
export function frame(tally: RunTotals, view: View): readonly string[] {
  const { now, trouble, columns, rows, paint } = view;
  const remaining = [...tally.remaining(now)].sort((a, b) => Number(a.ending) - Number(b.ending));
  const head = ['', titleOf(tally, view), ...progress(tally, remaining, view)];
  const most = Math.max(1, Math.min(TROUBLE_LINES, Math.floor(rows / 8)));
  const foot = trouble.flatMap(({ message, at }) =>
    wrap(`${duration(now - at)} ago: ${message}`, columns - 2, most).map((line, index) =>
      paint('red', truncate(`${index === 0 ? '!' : ' '} ${line}`, columns)),
    ),
  );
  // The cursor stands on a line of its own below.
  const room = Math.max(1, rows - 1 - LASTING_LINES - head.length - foot.length);
  return [...head, ...podLines(remaining, room, view), ...foot].slice(0, rows - 1);
}

function titleOf(tally: RunTotals, { now, startedAt, columns, paint }: View): string {
  const beat = tally.lastHeartbeatAt === undefined ? [] : [`heartbeat ${duration(now - tally.lastHeartbeatAt)} ago`];
  const times = fitParts([duration(now - startedAt), ...beat], columns - SHORTEST_NAME - 4);
  const name = truncate(tally.node ?? 'looking for the node', columns - times.length - 4);
  return `  ${paint('bold', name)}  ${paint('dim', times)}`;
}

/** Nothing while there is nothing to count. */
function progress(
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
    ...(skipped === 0 ? [] : [skippedText(skipped)]),
  ];
  if (counts.length === 0) return [];
  if (total === 0 || columns < LEAST_COLUMNS_FOR_BAR) return [`  ${fitParts(counts, columns - 2)}`];
  // Of a length that the counts do not change: a bar that grows and shrinks with them cannot be read.
  const length = Math.min(LONGEST_BAR, Math.floor(columns * 0.3));
  const filled = Math.floor((length * gone) / total);
  return [
    `  ${paint('green', '█'.repeat(filled))}${paint('dim', '░'.repeat(length - filled))}  ${fitParts(counts, columns - length - 4)}`,
  ];
}

function podLines(remaining: readonly RemainingPod[], room: number, { columns, paint }: View): string[] {
  const shown = remaining.length <= room ? remaining : remaining.slice(0, room - 1);
  const width = Math.min(Math.floor(columns * 0.6), Math.max(0, ...shown.map(({ pod }) => pod.length)));
  const lines = shown.map(({ pod, reason, ending, blocked }) => {
    const text = truncate(reason, columns - width - 4);
    return `  ${truncate(pod, width, SUFFIX).padEnd(width)}  ${blocked ? paint('yellow', text) : ending ? paint('dim', text) : text}`;
  });
  const more = remaining.length - shown.length;
  return more === 0 ? lines : [...lines, paint('dim', truncate(`  … and ${more} more`, columns))];
}

function counted(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

/** The first parts, at least one of them. */
function fitParts(parts: readonly string[], width: number): string {
  for (let count = parts.length; count > 1; count--) {
    const text = parts.slice(0, count).join(' · ');
    if (text.length <= width) return text;
  }
  return truncate(parts[0] ?? '', width);
}

/** Broken between words; what is too much for the last line is cut. */
function wrap(text: string, width: number, most: number): readonly string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines.splice(-1, 1, word);
    else if (lines.length === most || line.length + 1 + word.length <= width) lines.splice(-1, 1, `${line} ${word}`);
    else lines.push(word);
  }
  return lines.map((line) => truncate(line, width));
}

/** @param suffix how much of the end is kept */
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
