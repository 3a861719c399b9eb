import { styleText } from 'node:util';
import type { Tally } from './tally.ts';

type View = {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly startedAt: number;
  /** What goes wrong at the moment. */
  readonly trouble: string | undefined;
  readonly columns: number;
  readonly rows: number;
};

const BAR = 32;
/** Lines of the frame that are no pods, and what is left for the lines above it. */
const OTHER_LINES = 8;

/** The live part of the screen: a bar, the counts, the pods that remain with their reasons, the last beat. */
export function frame(tally: Tally, { now, startedAt, trouble, columns, rows }: View): string {
  const remaining = [...tally.remaining(now)].sort((a, b) => Number(a.ending) - Number(b.ending));
  const { gone, left } = tally;
  const ending = remaining.filter((pod) => pod.ending).length;
  const total = gone + remaining.length;
  const filled = total === 0 ? 0 : Math.floor((BAR * gone) / total);
  const bar = styleText('green', '█'.repeat(filled)) + styleText('dim', '░'.repeat(BAR - filled));
  const counts = `${gone} of ${total} gone · ${ending} ending · ${remaining.length - ending} waiting · ${left} left`;
  const beat = tally.lastBeatAt === undefined ? '' : ` · last beat ${duration(now - tally.lastBeatAt)} ago`;
  const shown = remaining.slice(0, Math.max(1, rows - OTHER_LINES));
  const width = Math.min(48, Math.max(0, ...shown.map(({ pod }) => pod.length)));
  return [
    '',
    `${styleText('bold', tally.node ?? 'looking for the node')}  ${styleText('dim', `${duration(now - startedAt)}${beat}`)}`,
    cut(`${bar}  ${counts}`, columns + bar.length - BAR),
    ...shown.map(({ pod, why, ending }) => {
      const reason = cut(why, columns - width - 5);
      return `  ${cut(pod, width).padEnd(width)}  ${styleText(ending ? 'dim' : 'yellow', reason)}`;
    }),
    ...(remaining.length > shown.length ? [styleText('dim', `  … and ${remaining.length - shown.length} more`)] : []),
    ...(trouble === undefined ? [] : [styleText('red', cut(trouble, columns - 1))]),
  ].join('\n');
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** `75_000` → `1 min 15 s` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
