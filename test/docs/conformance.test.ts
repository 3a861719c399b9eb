import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { kubectlByItsCode } from '../conformance/kubectl.ts';
import { leftOut } from '../conformance/left-out.ts';
import { PAGE, page, readmeLine, readResults } from '../conformance/page.ts';
import { scenarios } from '../conformance/scenarios/all.ts';

const results = await readResults();

// Somebody writes a better figure into the page than a run has given.
test('docs/conformance.md is the page that the checked-in results give', async () => {
  assert.equal(await readFile(PAGE, 'utf8'), page(results), 'node test/conformance/page.ts writes the correct page');
});

// The README shows an outdated result.
test("the README's line of results is the one that the results give", async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  assert.ok(readme.replaceAll(/\s+/g, ' ').includes(readmeLine(results)), readmeLine(results));
});

// A new scenario whose results nobody has checked in, or one that the suite could not finish.
test('the run on the simulator has a verdict for every drainer and scenario', () => {
  const run = results.runs.find(({ cluster }) => cluster === 'simulator');
  assert.deepEqual(
    run?.columns.map(({ drainer }) => drainer),
    ['ours', 'kubectl', 'delete-all'],
  );
  for (const { drainer, results: all } of run?.columns ?? []) {
    for (const { id, by } of scenarios) {
      const expected = by === 'hook' && drainer !== 'ours' ? ['not run'] : ['passed', 'failed'];
      assert.ok(expected.includes(all[id]?.outcome ?? ''), `${drainer} ${id}: ${JSON.stringify(all[id])}`);
    }
  }
});

// A mistake of the suite, or of a simulator, would make kubectl look worse or better than it is.
test("kubectl's column says what its code does, on every cluster", () => {
  for (const { cluster, columns } of results.runs) {
    const kubectl = columns.find(({ drainer }) => drainer === 'kubectl');
    for (const [id, outcome] of Object.entries(kubectl?.results ?? {})) {
      if (outcome.outcome === 'not run') continue;
      assert.equal(
        outcome.outcome === 'passed',
        kubectlByItsCode[id]?.passes,
        `${cluster} ${id}: ${JSON.stringify(outcome)}`,
      );
    }
  }
});

// A scenario of the list that was forgotten looks as if it were passed.
test('every scenario of the list is in the suite, or is named with why it is not', () => {
  const numbers = new Set([...scenarios, ...leftOut].map(({ id }) => Number.parseInt(id, 10)));
  assert.deepEqual(
    Array.from({ length: 55 }, (_, index) => index + 1).filter((number) => !numbers.has(number)),
    [],
  );
});
