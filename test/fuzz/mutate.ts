import type { Seeded } from '../support/seeded.ts';

/** Letters of any kind, those that mean something to somebody first. */
export function randomText(random: Seeded, most = 12): string {
  const letter = () =>
    String.fromCodePoint(random.pick(random.whole(128), random.whole(0xd7ff), 0x1f600, 0, 10, 13, 27, 34, 45, 61, 92));
  return Array.from({ length: random.whole(most) }, letter).join('');
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

/** The text after some of what happens to texts: cut, torn, doubled, mixed up. */
export function mutated(random: Seeded, text: string): string {
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

/** A value of another kind than anybody expects. */
export function wild(random: Seeded): unknown {
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

/** The same value with one member, somewhere in it, replaced, removed or doubled. */
export function bent(random: Seeded, value: unknown): unknown {
  const isLeaf = typeof value !== 'object' || value === null || random.chance(0.15);
  if (isLeaf) return wild(random);
  if (Array.isArray(value)) {
    const at = random.whole(value.length);
    if (random.chance(0.2)) return random.pick([...value, ...value], [], value.slice(at));
    return value.map((member, index) => (index === at ? bent(random, member) : member));
  }
  const entries = Object.entries(value);
  const at = random.whole(entries.length);
  if (random.chance(0.2)) return Object.fromEntries(entries.filter((_, index) => index !== at));
  if (random.chance(0.1))
    return Object.fromEntries([...entries, [random.pick('__proto__', 'constructor', 'exec'), wild(random)]]);
  return Object.fromEntries(
    entries.map(([name, member], index) => [name, index === at ? bent(random, member) : member]),
  );
}
