import type { Seeded } from '../support/seeded.ts';

/** Random characters, mostly those with a meaning in some syntax. */
export function randomText(random: Seeded, maxLength = 12): string {
  const letter = () =>
    String.fromCodePoint(random.pick(random.whole(128), random.whole(0xd7ff), 0x1f600, 0, 10, 13, 27, 34, 45, 61, 92));
  return Array.from({ length: random.whole(maxLength) }, letter).join('');
}

const TOKENS = [
  '"',
  "'",
  ':',
  '{',
  '}',
  '[',
  ']',
  ',',
  '\n',
  '- ',
  '  ',
  '\t',
  '\0',
  '&a ',
  '*a',
  '<<: ',
  '!!js/function ',
  '!!binary ',
  '|',
  '>',
  '#',
  '%',
  '---\n',
  '...\n',
  '\ufeff',
  '\u2028',
  '\u001b[2J',
  '\\',
  '__proto__: ',
  'null',
  '~',
  '0x',
  '1e999',
  '2001-12-14',
];

/** The text with random damage: truncated, cut, duplicated, reordered. */
export function mutatedText(random: Seeded, text: string): string {
  let result = text;
  for (let times = random.pick(1, 1, 1, 2, 3, 8); times > 0; times--) {
    const at = random.whole(result.length + 1);
    const to = Math.min(result.length, at + random.pick(1, 1, 2, 8, 60, 400));
    const [before, piece, after] = [result.slice(0, at), result.slice(at, to), result.slice(to)];
    const [first = '', ...others] = TOKENS;
    result = random.pick(
      before,
      before + after,
      before + piece + piece + after,
      before + random.pick(first, ...others) + after,
      before + random.pick(first, ...others) + piece + after,
      before + randomText(random) + after,
      before + piece.toUpperCase() + after,
      `${after}${before}`,
    );
  }
  return result;
}

/** A value of an unexpected type. */
export function unexpectedValue(random: Seeded): unknown {
  return random.pick<unknown>(
    null,
    true,
    0,
    -1,
    1e300,
    '',
    [],
    {},
    [[]],
    { __proto__: null },
    JSON.parse('{"__proto__":{"polluted":true}}'),
    JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'),
    { toString: 'x', length: -1 },
    [null, { name: null }],
    randomText(random),
    'x'.repeat(random.pick(100, 10_000)),
  );
}

/** The value with one nested member replaced, removed or duplicated. */
export function mutatedValue(random: Seeded, value: unknown): unknown {
  const isLeaf = typeof value !== 'object' || value === null || random.chance(0.15);
  if (isLeaf) return unexpectedValue(random);
  if (Array.isArray(value)) {
    const at = random.whole(value.length);
    if (random.chance(0.2)) return random.pick([...value, ...value], [], value.slice(at));
    return value.map((member, index) => (index === at ? mutatedValue(random, member) : member));
  }
  const entries = Object.entries(value);
  const at = random.whole(entries.length);
  if (random.chance(0.2)) return Object.fromEntries(entries.filter((_, index) => index !== at));
  if (random.chance(0.1))
    return Object.fromEntries([...entries, [random.pick('__proto__', 'constructor', 'exec'), unexpectedValue(random)]]);
  return Object.fromEntries(
    entries.map(([name, member], index) => [name, index === at ? mutatedValue(random, member) : member]),
  );
}
