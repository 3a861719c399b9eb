import { destination, pino, stdTimeFunctions } from 'pino';
import { renamed } from './dimension.ts';
import type { DrainEvent, Report } from './event.ts';
import { metricsOf, type Place } from './metrics.ts';
import { worded } from './wording.ts';

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
  let place: Place | undefined;
  const write = (event: DrainEvent) => {
    const words = worded(event);
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
