import * as v from 'valibot';

/**
 * The kinds of settings: which values each accepts, and the message when a value is not accepted.
 * `values` stands for these values in the help text and in the table of docs/configuration.md: `on|off`, `1..3600`, `NAME`.
 */

/** A text that matches a pattern. */
export const text = (description: string, values: string, pattern: RegExp, form: string) =>
  v.pipe(v.string(), v.regex(pattern, `must be ${form}`), v.description(description), v.metadata({ values }));

/** One of these words. */
export const choice = <const T extends readonly string[]>(description: string, words: T) =>
  v.pipe(
    v.picklist(words, `must be one of ${words.join(', ')}`),
    v.description(description),
    v.metadata({ values: words.join('|') }),
  );

const SECONDS_OF_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Yes or no. `true` and `false` are the same as `on` and `off`. */
export const onOff = (description: string) =>
  v.pipe(
    v.picklist(['on', 'off', 'true', 'false'], 'must be on or off'),
    v.transform((word) => word === 'on' || word === 'true'),
    v.description(description),
    v.metadata({ values: 'on|off' }),
  );

/** A whole number of seconds, minutes (`30m`) or hours (`1h`), as a number of seconds. */
export const seconds = (description: string, min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}[smh]?$/, 'must be a whole number of seconds, such as 90, 90s, 30m or 1h'),
    v.transform((value) => Number.parseInt(value, 10) * (SECONDS_OF_UNIT[value.slice(-1)] ?? 1)),
    v.minValue(min, `must be at least ${min} s`),
    v.maxValue(max, `must be at most ${max} s`),
    v.description(description),
    v.metadata({ values: `${min}..${max}` }),
  );

/** A whole number of things, as a number. */
export const count = (description: string, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,4}$/, 'must be a whole number'),
    v.transform(Number),
    v.maxValue(max, `must be at most ${max}`),
    v.description(description),
    v.metadata({ values: `0..${max}` }),
  );

export const url = (description: string) =>
  v.pipe(
    v.string(),
    v.check((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ''), 'must be an http or https URL'),
    v.description(description),
    v.metadata({ values: 'URL' }),
  );

/** Texts that match a pattern, separated by commas. */
export const list = (description: string, values: string, pattern: RegExp, form: string) =>
  v.pipe(
    v.string(),
    v.transform((value) => value.split(',')),
    v.check((items) => items.every((item) => pattern.test(item)), `must be ${form}, separated by commas`),
    v.description(description),
    v.metadata({ values }),
  );

/** A time in UTC, as milliseconds since the epoch. */
export const time = (description: string) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'must be a UTC time like 2026-01-31T12:34:56Z'),
    v.transform(Date.parse),
    v.check((value) => !Number.isNaN(value), 'must be a valid date and time'),
    v.description(description),
    v.metadata({ values: 'TIME' }),
  );

/** A time in UTC as above, or as AWS Health writes it (`Thu, 27 Aug 2026 21:42:38 GMT`), as milliseconds since the epoch. */
export const anyTime = (description: string) =>
  v.pipe(
    v.string(),
    v.regex(
      /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)$/,
      'must be a UTC time like 2026-01-31T12:34:56Z',
    ),
    v.transform(Date.parse),
    v.check((value) => !Number.isNaN(value), 'must be a valid date and time'),
    v.description(description),
    v.metadata({ values: 'TIME' }),
  );
