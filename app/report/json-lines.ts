import { destination, pino, stdTimeFunctions } from 'pino';
import type { Report } from './event.ts';
import { worded } from './wording.ts';

/** JSON lines on a file descriptor, written at once: the last of them is not lost when the process ends. */
export function jsonLines(fd: number): Report {
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
  return (event) => {
    const words = worded(event);
    if (words !== undefined) log[words.level](words.fields, words.message);
  };
}
