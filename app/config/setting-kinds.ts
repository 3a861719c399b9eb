import * as v from 'valibot';

/** The kinds of settings: what each may be, and what is said when it is not. */

/** A text of this form. */
export const text = (meaning: string, pattern: RegExp, form: string) =>
  v.pipe(v.string(), v.regex(pattern, `must be ${form}`), v.description(meaning));

/** One of these words. */
export const choice = <const T extends readonly string[]>(meaning: string, values: T) =>
  v.pipe(v.picklist(values, `must be one of ${values.join(', ')}`), v.description(meaning));

/** A whole number of seconds. */
export const seconds = (meaning: string, least: number, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, 'must be a whole number of seconds'),
    v.transform(Number),
    v.minValue(least, `must be at least ${least} s`),
    v.maxValue(most, `must be at most ${most} s`),
    v.description(meaning),
  );

export const url = (meaning: string) =>
  v.pipe(
    v.string(),
    v.check((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ''), 'must be an http or https URL'),
    v.description(meaning),
  );

/** Texts of one form, separated by commas. */
export const list = (meaning: string, each: RegExp, form: string) =>
  v.pipe(
    v.string(),
    v.transform((value) => value.split(',')),
    v.check((ids) => ids.every((id) => each.test(id)), `must be ${form}, separated by commas`),
    v.description(meaning),
  );

/** A time, as milliseconds since the epoch. */
export const time = (meaning: string) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'must be a time like 2026-01-31T12:34:56Z'),
    v.transform(Date.parse),
    v.check((value) => !Number.isNaN(value), 'must be a time that exists'),
    v.description(meaning),
  );
