import { destination, pino, stdTimeFunctions } from 'pino';
import type { Report, RunEvent } from '../events.ts';
import { remainingTexts } from './hold-lines.ts';
import { type Dimensions, encodedNames, metricsOf } from './metrics.ts';
import { toLogLine } from './wording.ts';

/**
 * Writes JSON lines to a file descriptor, synchronously: the last line must not get lost when the process exits. Some lines also
 * carry metrics (metrics.ts).
 * @param now milliseconds since the epoch
 * @param drainer the value of the dimension Drainer; undefined: the metrics have no such dimension
 */
export function jsonLines(fd: number, now: () => number, drainer?: string): Report {
  const output = destination({ fd, sync: true });
  // A reader that closes its end of the pipe must not stop the drain.
  output.on('error', () => undefined);
  const log = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  let action: Omit<Dimensions, 'drainer'> | undefined;
  const write = (event: RunEvent) => {
    const line = toLogLine(event);
    if (line !== undefined)
      log[line.level]({ ...line.fields, ...metricsOf(event, drainer, action, now()) }, line.message);
  };
  return (event) => {
    write(event);
    if (event.type === 'action found' || (event.type === 'cluster found' && action !== undefined)) {
      action = { cluster: event.cluster };
    } else return;
    for (const { name, value } of encodedNames([event.cluster])) {
      write({
        type: 'warning',
        message: `'${name}' is not a valid dimension value in CloudWatch: its metrics are under '${value}'`,
      });
    }
  };
}

/** Writes a line of text for each event, for terminals without cursor control. */
export function plainText(write: (line: string) => void, now: () => number): Report {
  return (event) => {
    const line = toLogLine(event);
    if (line === undefined || line.level === 'debug') return;
    const { level, message, fields } = line;
    const time = new Date(now()).toISOString().slice(11, 19);
    write(`${time} ${level === 'info' ? '' : `${level}: `}${message}\n`);
    if (event.type === 'waiting for pods')
      for (const text of remainingTexts(event.remaining)) write(`           ${text}\n`);
    if (typeof fields['advice'] === 'string') write(`         ${fields['advice']}\n`);
  };
}
