import { styleText } from 'node:util';
import type { Report, RunEvent } from '../events.ts';
import { RunTotals } from '../run/totals.ts';
import { frame, type Paint } from './frame.ts';
import { LiveRegion, type Terminal } from './live-region.ts';
import { ActiveProblems } from './problems.ts';
import { type Level, toLogLine } from './wording.ts';

const FRAMES_PER_SECOND = 8;

/** Events that only change the live lines. All others are printed permanently, above them. */
const LIVE_ONLY: ReadonlySet<RunEvent['type']> = new Set([
  'planned',
  'pod waiting',
  'eviction requested',
  'eviction accepted',
  'pod gone',
  'waiting for pods',
  'heartbeat',
  'heartbeat failed',
  'retrying',
  'throttled',
]);

/**
 * Shows a drain on a terminal: live lines that are redrawn, permanent lines that scroll by above them, and the summary at the
 * end. `end` erases the live lines and shows the cursor again. Call it however the program ends; a second call does nothing.
 * @param now milliseconds since the epoch
 * @param color `auto`: as the terminal and NO_COLOR say
 */
export function liveView(
  terminal: Terminal,
  now: () => number,
  color: 'auto' | 'always' | 'never' = 'auto',
): { report: Report; end: () => void } {
  const region = new LiveRegion(terminal);
  const totals = new RunTotals();
  const problems = new ActiveProblems();
  const startedAt = now();
  const paint: Paint = (style, text) => {
    if (color === 'never') return text;
    return styleText(style, text, color === 'auto' ? { stream: terminal } : { validateStream: false });
  };
  let isOver = false;

  const lines = (): readonly string[] => {
    const at = now();
    return isOver ? [] : frame(totals, { now: at, startedAt, problems: problems.at(at), paint, ...region.size });
  };
  const draw = () => region.draw(lines());
  const timer = setInterval(draw, 1000 / FRAMES_PER_SECOND);
  timer.unref();
  terminal.on('resize', draw);

  const end = () => {
    if (isOver) return;
    isOver = true;
    clearInterval(timer);
    terminal.removeListener('resize', draw);
    region.end();
  };
  return {
    end,
    report: (event) => {
      totals.record(event, now());
      const line = toLogLine(event);
      if (line === undefined) return;
      const { level, message, fields } = line;
      problems.record(event, message, now());
      if (event.type === 'summary') {
        end();
        terminal.write(`${summaryLines(message, event.summary.exitCode === 0, region.size.columns, paint)}\n`);
      } else if (!LIVE_ONLY.has(event.type)) {
        const advice = typeof fields['advice'] === 'string' ? `\n    ${fields['advice']}` : '';
        region.print(`${marked(level, message, paint)}${advice}`, lines());
      }
    },
  };
}

/** The mark tells the level on terminals, and to people, without colours. */
function marked(level: Level, message: string, paint: Paint): string {
  switch (level) {
    case 'error':
      return paint('red', `✗ ${message}`);
    case 'warn':
      return paint('yellow', `! ${message}`);
    default:
      return `  ${message}`;
  }
}

/** The result in bold, and the figures below it, with a line break between two figures where they do not fit. */
function summaryLines(message: string, isSuccess: boolean, columns: number, paint: Paint): string {
  const [result = '', ...figures] = message.split(' · ');
  const lines: string[] = [];
  for (const figure of figures) {
    const longer = `${lines.at(-1)} · ${figure}`;
    if (lines.length > 0 && longer.length <= columns) lines.splice(-1, 1, longer);
    else lines.push(`  ${figure}`);
  }
  return [paint('bold', isSuccess ? paint('green', `✓ ${result}`) : paint('red', `✗ ${result}`)), ...lines].join('\n');
}
