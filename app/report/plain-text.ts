import type { Report } from './event.ts';
import { worded } from './wording.ts';

/** A line for each event, for terminals that can do no more than print. */
export function plainText(write: (line: string) => void, now: () => number): Report {
  return (event) => {
    const words = worded(event);
    if (words === undefined || words.level === 'debug') return;
    const { level, message, fields } = words;
    const time = new Date(now()).toISOString().slice(11, 19);
    write(`${time} ${level === 'info' ? '' : `${level}: `}${message}\n`);
    if (event.type === 'waiting') for (const { pod, why } of event.remaining) write(`           ${pod}: ${why}\n`);
    if (typeof fields['advice'] === 'string') write(`         ${fields['advice']}\n`);
  };
}
