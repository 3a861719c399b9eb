import { inspect } from 'node:util';
import { secretsIn } from '../support/secrets.ts';
import { Seeded } from '../support/seeded.ts';

/** A case that takes longer fails. */
const MAX_CASE_MS = 1_000;

/** The value of every secret in the cases; no message may contain it. */
export const SECRET = 'Tr0ub4dor-and-3-horses';

/** The result of a case: the input was accepted, or refused with a message for people. */
export type CaseResult = { readonly used: true } | { readonly refusal: string };

/** The number of cases and the seed of the first one, from FUZZ_CASES and FUZZ_SEED. */
export function sizeOf(usual: number): { cases: number; firstSeed: number } {
  const { FUZZ_CASES, FUZZ_SEED } = process.env;
  return { cases: Number(FUZZ_CASES ?? usual), firstSeed: Number(FUZZ_SEED ?? 1) };
}

/**
 * Checks cases one after the other, each from a seed of its own.
 * @returns how many inputs were used, and how many refused
 * @throws Error with the seed, the case, and the command that repeats it
 */
export async function fuzz<T>(
  { cases, firstSeed }: { cases: number; firstSeed: number },
  make: (random: Seeded) => T,
  judge: (made: T) => Promise<CaseResult> | CaseResult,
): Promise<{ used: number; refused: number }> {
  const count = { used: 0, refused: 0 };
  const prototype = prototypeKeys();
  for (let seed = firstSeed; seed < firstSeed + cases; seed++) {
    const made = make(new Seeded(seed));
    try {
      const startedAt = performance.now();
      const result = await judge(made);
      const tookMs = performance.now() - startedAt;
      if (tookMs > MAX_CASE_MS) throw new Error(`it took ${Math.round(tookMs)} ms`);
      if (prototypeKeys() !== prototype) throw new Error(`it polluted a prototype: ${prototypeKeys()}`);
      if ('refusal' in result) checkText(result.refusal);
      count['refusal' in result ? 'refused' : 'used']++;
    } catch (cause) {
      const repeat = `FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz`;
      throw new Error(`seed ${seed}: ${String(cause)}\nrepeat: ${repeat}\ncase: ${shown(made)}`, { cause });
    }
  }
  return count;
}

/** @throws when a message is empty, too long, unprintable, not for people, or contains a secret */
function checkText(text: string): void {
  if (text.trim().length < 10) throw new Error(`the message is empty: '${text}'`);
  if (text.length > 20_000) throw new Error(`the message has ${text.length} characters`);
  if (/[\p{Cc}\u2028\u202e]/u.test(text.replaceAll('\n', ''))) throw new Error(`unprintable: ${inspect(text)}`);
  if (/undefined|\[object |NaN|\n {4}at /.test(text)) throw new Error(`the message is not for people: ${text}`);
  const leaked = secretsIn(text, [SECRET]);
  if (leaked.length > 0) throw new Error(`the message contains ${leaked.join(', ')}: ${text}`);
}

function prototypeKeys(): string {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype]
    .map((prototype) => Reflect.ownKeys(prototype).map(String).join())
    .join(';');
}

function shown(made: unknown): string {
  const text = typeof made === 'string' ? made : inspect(made, { depth: 6, maxStringLength: 2_000 });
  return text.length > 20_000 ? `${text.slice(0, 20_000)}… (${text.length} characters)` : text;
}
