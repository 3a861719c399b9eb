import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Seeded } from '../support/seeded.ts';
import { randomScenario } from './walk/scenario.ts';
import { story } from './walk/story.ts';
import { walk } from './walk/walk.ts';

/** `npm run fuzz` has a number of its own for these: a whole run takes longer than the reading of a file. */
const { FUZZ_SEED = '1', FUZZ_CASES, FUZZ_WALKS = FUZZ_CASES ?? '100' } = process.env;
const FIRST_SEED = Number(FUZZ_SEED);
const WALKS = Number(FUZZ_WALKS);

// Harm that takes three things at once, of which no other test has thought together.
test('whole runs in random clusters do no harm', async (t) => {
  let random = new Seeded(0);
  // The drainer's own dice are part of a case: a seed repeats it exactly.
  t.mock.method(Math, 'random', () => random.next());
  const failures: string[] = [];
  const reasons = new Map<string, number>();
  const deaths = new Map<string, number>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + WALKS; seed++) {
    random = new Seeded(seed ^ 0xd1ce);
    const scenario = randomScenario(seed, new Seeded(seed));
    const result = await walk(scenario);
    for (const [reason, count] of result.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    const cause = result.death?.cause ?? 'alive';
    deaths.set(cause, (deaths.get(cause) ?? 0) + 1);
    if (result.harm.length === 0) continue;
    const texts = result.harm.map(({ kind, text }) => `  ${kind}: ${text}`).join('\n');
    failures.push(
      `seed ${seed}\n${texts}\n  repeat: FUZZ_SEED=${seed} FUZZ_CASES=1 node --test test/fuzz/walk.test.ts`,
    );
    if (WALKS === 1) t.diagnostic(`${inspect(scenario, { depth: 6 })}\n${story(result)}`);
  }
  t.diagnostic(`${WALKS} walks from seed ${FIRST_SEED}: ${inspect(Object.fromEntries(deaths))}`);
  t.diagnostic(`no harm, because of: ${inspect(Object.fromEntries(reasons))}`);
  assert.ok(failures.length === 0, `${failures.length} of ${WALKS} walks did harm\n${failures.join('\n')}`);
});
