import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { DrainEvent, Report } from './event.ts';
import { frame } from './frame.ts';
import { Tally } from './tally.ts';
import { worded } from './wording.ts';

const FRAMES_A_SECOND = 8;

type Terminal = NodeJS.WriteStream;

/** What stays on the screen above the live part. */
const LASTING: ReadonlySet<DrainEvent['type']> = new Set([
  'started',
  'action found',
  'nothing to do',
  'connected',
  'node found',
  'cordoned',
  'pod left',
  'warning',
  'action near its end',
  'deadline',
  'last resort',
  'pod at risk',
  'volumes attached',
  'volumes detached',
  'volumes given up',
  'waiting for capacity',
  'would',
  'hook completed',
  'hook left alone',
  'hook ended',
  'completion failed',
  'handed over',
  'hand-over failed',
  'task started',
  'task refused',
  'failed',
]);

/** A live picture of the drain on a terminal; what is worth keeping scrolls by above it. `end` puts the cursor back. */
export function liveView(terminal: Terminal, now: () => number): { report: Report; end: () => void } {
  const update = createLogUpdate(terminal);
  const tally = new Tally();
  const startedAt = now();
  let trouble: string | undefined;
  const draw = () => {
    const size = { columns: terminal.columns, rows: terminal.rows };
    update(frame(tally, { now: now(), startedAt, trouble, ...size }));
  };
  const timer = setInterval(draw, 1000 / FRAMES_A_SECOND);
  timer.unref();

  const end = () => {
    clearInterval(timer);
    update.clear();
    update.done();
  };
  return {
    end,
    report: (event) => {
      tally.saw(event, now());
      const words = worded(event);
      if (words === undefined) return;
      const { level, message, fields } = words;
      if (event.type === 'retrying' || event.type === 'throttled' || event.type === 'beat failed') trouble = message;
      if (event.type === 'pod accepted' || event.type === 'pod gone' || event.type === 'beat') trouble = undefined;
      if (event.type === 'summary' || event.type === 'sweep summary') {
        end();
        terminal.write(`${styleText(event.summary.exitCode === 0 ? ['bold', 'green'] : ['bold', 'red'], message)}\n`);
      } else if (LASTING.has(event.type)) {
        update.clear();
        const color = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'reset';
        terminal.write(`${styleText(color, message)}\n`);
        if (typeof fields['advice'] === 'string') terminal.write(`  ${fields['advice']}\n`);
        draw();
      }
    },
  };
}
