import { styleText } from 'node:util';
import type { Report, RunEvent } from '../events.ts';
import { RunTotals } from '../run/totals.ts';
import { frame, type Paint } from './frame.ts';
import { LiveRegion, type Terminal } from './live-region.ts';
import { ActiveProblems } from './problems.ts';
import { type Level, toLogLine } from './wording.ts';

const FRAMES_A_SECOND = 8;

/** What stays on the screen above the live part. */
const LASTING: ReadonlySet<RunEvent['type']> = new Set([
  'run started',
  'action found',
  'nothing to do',
  'connected',
  'node found',
  'cordoned',
  'pod skipped',
  'warning',
  'action ending soon',
  'deadline',
  'last resort',
  'pod at risk',
  'volumes attached',
  'volumes detached',
  'volumes still attached',
  'waiting for capacity',
  'dry run decision',
  'hook completed',
  'hook not completed',
  'hook ended',
  'hook completion failed',
  'handed over',
  'hand-over failed',
  'task started',
  'task refused',
  'run failed',
]);

/**
 * A live picture of the drain on a terminal; what is worth keeping scrolls by above it, and the summary comes last. `end` takes
 * the picture away and puts the cursor back; it is due however the program ends, and may come twice.
 */
export function liveView(terminal: Terminal, now: () => number): { report: Report; end: () => void } {
  const live = new LiveRegion(terminal);
  const tally = new RunTotals();
  const trouble = new ActiveProblems();
  const startedAt = now();
  const paint: Paint = (look, text) => styleText(look, text, { stream: terminal });
  let isOver = false;

  const lines = (): readonly string[] => {
    const at = now();
    return isOver ? [] : frame(tally, { now: at, startedAt, trouble: trouble.at(at), paint, ...live.size });
  };
  const draw = () => live.draw(lines());
  const timer = setInterval(draw, 1000 / FRAMES_A_SECOND);
  timer.unref();
  terminal.on('resize', draw);

  const end = () => {
    if (isOver) return;
    isOver = true;
    clearInterval(timer);
    terminal.removeListener('resize', draw);
    live.end();
  };
  return {
    end,
    report: (event) => {
      tally.record(event, now());
      const words = toLogLine(event);
      if (words === undefined) return;
      const { level, message, fields } = words;
      trouble.record(event, message, now());
      if (event.type === 'summary' || event.type === 'sweep summary') {
        end();
        terminal.write(`${summaryLines(message, event.summary.exitCode === 0, live.size.columns, paint)}\n`);
      } else if (LASTING.has(event.type)) {
        const advice = typeof fields['advice'] === 'string' ? `\n    ${fields['advice']}` : '';
        live.print(`${marked(level, message, paint)}${advice}`, lines());
      }
    },
  };
}

/** Marks, because colours are not everywhere, and not for everybody. */
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

/** What came of it, in bold; the figures below it, broken between two of them where they do not fit. */
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
