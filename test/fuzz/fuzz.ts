import { inspect } from 'node:util';
import { secretsIn } from '../support/secrets.ts';
import { Seeded } from '../support/seeded.ts';

/** A case that takes longer than this is a hang in the making. */
const CASE_WITHIN_MS = 1_000;

/** A value that stands where secrets stand, and that no text may tell. */
export const SECRET = 'Tr0ub4dor-and-3-horses';

/** What came of a case: 'used', or the text of the refusal that a person gets to see. */
export type Verdict = { readonly used: true } | { readonly refusal: string };

/** How many cases, and the seed of the first: FUZZ_CASES and FUZZ_SEED. */
export function sizeOf(usual: number): { cases: number; firstSeed: number } {
  const { FUZZ_CASES, FUZZ_SEED } = process.env;
  return { cases: Number(FUZZ_CASES ?? usual), firstSeed: Number(FUZZ_SEED ?? 1) };
}

/**
 * Judges case after case, each from a seed of its own.
 * @returns how many were used and how many refused
 * @throws Error that names the seed and the case, and how to see it again
 */
export async function fuzz<T>(
  { cases, firstSeed }: { cases: number; firstSeed: number },
  make: (random: Seeded) => T,
  judge: (made: T) => Promise<Verdict> | Verdict,
): Promise<{ used: number; refused: number }> {
  const count = { used: 0, refused: 0 };
  const prototype = shapeOfObjects();
  for (let seed = firstSeed; seed < firstSeed + cases; seed++) {
    const made = make(new Seeded(seed));
    try {
      const startedAt = performance.now();
      const verdict = await judge(made);
      const tookMs = performance.now() - startedAt;
      if (tookMs > CASE_WITHIN_MS) throw new Error(`it took ${Math.round(tookMs)} ms`);
      if (shapeOfObjects() !== prototype) throw new Error(`it changed what every object has: ${shapeOfObjects()}`);
      if ('refusal' in verdict) checkText(verdict.refusal);
      count['refusal' in verdict ? 'refused' : 'used']++;
    } catch (cause) {
      const again = `FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz`;
      throw new Error(`seed ${seed}: ${String(cause)}\nagain: ${again}\ncase: ${shown(made)}`, { cause });
    }
  }
  return count;
}

/** A refusal is for people: it says something, on lines that a terminal can show, and tells no secret. */
function checkText(text: string): void {
  if (text.trim().length < 10) throw new Error(`the refusal says nothing: '${text}'`);
  if (text.length > 20_000) throw new Error(`the refusal is a page of ${text.length} letters`);
  if (/[\p{Cc}\u2028\u202e]/u.test(text.replaceAll('\n', ''))) throw new Error(`unprintable: ${inspect(text)}`);
  if (/undefined|\[object |NaN|\n {4}at /.test(text)) throw new Error(`it is not for people: ${text}`);
  const told = secretsIn(text, [SECRET]);
  if (told.length > 0) throw new Error(`it tells ${told.join(', ')}: ${text}`);
}

function shapeOfObjects(): string {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype]
    .map((prototype) => Reflect.ownKeys(prototype).map(String).join())
    .join(';');
}

function shown(made: unknown): string {
  const text = typeof made === 'string' ? made : inspect(made, { depth: 6, maxStringLength: 2_000 });
  return text.length > 20_000 ? `${text.slice(0, 20_000)}… (${text.length} letters)` : text;
}
