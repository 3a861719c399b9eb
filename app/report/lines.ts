import { destination, pino, stdTimeFunctions } from 'pino';
import type { Report, RunEvent } from '../events.ts';
import { type Dimensions, metricsOf, renamed } from './metrics.ts';
import { toLogLine } from './wording.ts';

/**
 * JSON lines on a file descriptor, written at once: the last of them is not lost when the process ends. Those that count
 * something are metrics too (metrics.ts).
 * @param now milliseconds since the epoch
 */
export function jsonLines(fd: number, now: () => number): Report {
  const output = destination({ fd, sync: true });
  // Whoever read the lines is gone; the pods are not.
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
  let place: Dimensions | undefined;
  const write = (event: RunEvent) => {
    const words = toLogLine(event);
    if (words !== undefined) log[words.level]({ ...words.fields, ...metricsOf(event, place, now()) }, words.message);
  };
  return (event) => {
    write(event);
    if (event.type !== 'action found') return;
    place = event;
    for (const { name, value } of renamed([place.cluster, place.group])) {
      write({
        type: 'warning',
        message: `CloudWatch takes no such name as '${name}': its metrics are under '${value}'`,
      });
    }
  };
}

/** A line for each event, for terminals that can do no more than print. */
export function plainText(write: (line: string) => void, now: () => number): Report {
  return (event) => {
    const words = toLogLine(event);
    if (words === undefined || words.level === 'debug') return;
    const { level, message, fields } = words;
    const time = new Date(now()).toISOString().slice(11, 19);
    write(`${time} ${level === 'info' ? '' : `${level}: `}${message}\n`);
    if (event.type === 'waiting for pods')
      for (const { pod, reason } of event.remaining) write(`           ${pod}: ${reason}\n`);
    if (typeof fields['advice'] === 'string') write(`         ${fields['advice']}\n`);
  };
}
