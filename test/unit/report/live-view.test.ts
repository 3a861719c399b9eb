import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { Failure } from '../../../app/lib/errors.ts';
import {
  BEGINNING,
  DB,
  gone,
  LASTING,
  looked,
  NODE,
  PROMPT,
  RETRYING,
  shown,
  stopTheDrawing,
  WEB,
  warning,
} from '../../support/live.ts';
import { summaryWith } from '../../support/summaries.ts';

const GREEN = 2;
const RED = 1;
const YELLOW = 3;

beforeEach(stopTheDrawing);

// Somebody who cannot see what the drain waits for, and why, ends it by hand.
test('the live part is below what lasts, and shows how it stands', async () => {
  const { terminal, report, pass } = shown(BEGINNING);
  pass(1);
  assert.deepEqual(await terminal.screen(), [
    PROMPT,
    ...LASTING,
    '',
    `  ${NODE}  1 s · heartbeat 1 s ago`,
    `  ${'░'.repeat(24)}  0 of 2 gone · 1 waiting · 1 ending · 1 stays`,
    '  shop/db-0   budget db allows no disruption',
    '  shop/web-0  terminating for 1 s',
  ]);
  report(gone('shop/web-0'));
  report(looked(DB));
  pass(44);
  assert.deepEqual(await terminal.screen(), [
    PROMPT,
    ...LASTING,
    '',
    `  ${NODE}  45 s · heartbeat 45 s ago`,
    `  ${'█'.repeat(12)}${'░'.repeat(12)}  1 of 2 gone · 1 waiting · 1 stays`,
    '  shop/db-0  budget db allows no disruption',
  ]);
});

// A frame that is left standing between the lines says later what has long not been true.
test('what lasts is printed once, in order, and nothing of the live part is left between', async () => {
  const { terminal, report, pass } = shown(BEGINNING);
  const expected = [PROMPT, ...LASTING];
  for (let index = 0; index < 40; index++) {
    if (index % 3 === 0) pass(1);
    report(index % 2 === 0 ? looked(DB, WEB) : looked());
    report(warning(`number ${index}`));
    expected.push(`! number ${index}`);
    if (index % 5 === 0) report(looked(DB));
  }
  const lines = await terminal.lines();
  assert.deepEqual(lines.slice(0, expected.length), expected);
  assert.deepEqual(lines.slice(expected.length, expected.length + 2), ['', `  ${NODE}  14 s · heartbeat 14 s ago`]);
  assert.equal(lines.filter((line) => line.includes('heartbeat')).length, 1);
});

// What stands below the result is taken for what came after it.
test('the summary is the last that is on the screen, in green when all went well', async () => {
  const { terminal, report, pass } = shown(BEGINNING);
  pass(3);
  report({ type: 'hook completed', hook: 'drainer', result: 'CONTINUE' });
  report({ type: 'summary', summary: summaryWith({ node: NODE }) });
  pass(3);
  assert.deepEqual(await terminal.lines(), [
    PROMPT,
    ...LASTING,
    '  drainer completed with CONTINUE',
    '✓ i-0123456789abcdef0: drained in 8.5 s',
    `  node ${NODE} · 12 evicted, 3 stay`,
    '  blocked for 6.3 s, shop/db-0 for 4.2 s · hook: CONTINUE · exit 0',
  ]);
  assert.deepEqual(await terminal.lookOf(7), { color: GREEN, bold: true });
});

// A failed drain that ends in green is not looked into.
test('the summary of a drain that did not go well is red, and says so without colours, too', async () => {
  const { terminal, report } = shown(BEGINNING);
  report({ type: 'summary', summary: summaryWith({ result: 'failed', exitCode: 1 }) });
  const [line] = (await terminal.lines()).slice(1 + LASTING.length);
  assert.equal(line, '✗ i-0123456789abcdef0: failed in 8.5 s');
  assert.deepEqual(await terminal.lookOf(1 + LASTING.length), { color: RED, bold: true });
});

// A warning that looks like everything else is not read; colours are not for everybody.
test('warnings and errors are marked, and an error comes with its advice', async () => {
  const { terminal, report } = shown([warning('beware')]);
  report({ type: 'run failed', error: new Failure('no node', { advice: 'look for it' }) });
  assert.deepEqual((await terminal.lines()).slice(0, 4), [PROMPT, '! beware', '✗ no node', '    look for it']);
  assert.equal((await terminal.lookOf(1)).color, YELLOW);
  assert.equal((await terminal.lookOf(2)).color, RED);
});

// A shell without a cursor looks as if it were dead.
test('the cursor is hidden while the view is live, and is back after the summary', async () => {
  const { terminal, report, pass } = shown(BEGINNING);
  assert.equal(await terminal.showsCursor(), false);
  pass(1);
  assert.equal(await terminal.showsCursor(), false);
  report({ type: 'summary', summary: summaryWith() });
  pass(1);
  assert.equal(await terminal.showsCursor(), true);
});

// Ctrl-C comes at any time, and what it ends tells no summary.
test('a view that is ended without a summary leaves what lasts, and the cursor', async () => {
  const { terminal, end, pass } = shown(BEGINNING);
  pass(1);
  end();
  pass(1);
  assert.deepEqual(await terminal.lines(), [PROMPT, ...LASTING]);
  assert.equal(await terminal.showsCursor(), true);
  assert.equal(terminal.listenerCount('resize'), 0);
  terminal.write('$ ');
  end();
  assert.deepEqual(await terminal.lines(), [PROMPT, ...LASTING, '$ ']);
});

// The last events of a drain are written to the cluster after its summary, and that can fail.
test('what is told after the end brings neither the live part back nor hides the cursor', async () => {
  const { terminal, report, pass } = shown(BEGINNING);
  report({ type: 'summary', summary: summaryWith() });
  const before = await terminal.lines();
  report(warning('too late'));
  await terminal.resize(90, 30);
  pass(1);
  assert.deepEqual(await terminal.lines(), [...before, '! too late']);
  assert.equal(await terminal.showsCursor(), true);
});

// A drain that gets no answer looks like one that has nothing to do.
test('trouble is shown with its age, and goes when the API server does what it is asked', async () => {
  const { terminal, report, pass } = shown([...BEGINNING, RETRYING]);
  pass(7);
  const trouble = '! 7 s ago: could not watch pods, trying again in 5 s: refused';
  assert.equal((await terminal.screen()).at(-1), trouble);
  report({ type: 'eviction accepted', pod: 'shop/db-0' });
  pass(1);
  assert.deepEqual(
    (await terminal.lines()).filter((line) => line.includes('refused')),
    [],
  );
});

// Most successes are not told. Trouble that stays for ever is no longer believed.
test('trouble goes some time after the next try was due, when that did not fail, too', async () => {
  const { terminal, pass } = shown([...BEGINNING, RETRYING]);
  pass(19);
  assert.match((await terminal.screen()).at(-1) ?? '', /^! 19 s ago/);
  pass(1);
  assert.match((await terminal.screen()).at(-1) ?? '', /^ {2}shop\/web-0/);
});

// The instance goes when no heartbeat gets through, however well the API server answers.
test('a heartbeat that failed is shown until one of the same hook gets through', async () => {
  const failed: RunEvent = { type: 'heartbeat failed', hook: 'drainer', error: new Error('throttled'), failures: 1 };
  const { terminal, report, pass } = shown([...BEGINNING, failed]);
  report(gone('shop/web-0'));
  report({ type: 'heartbeat', hook: 'another' });
  pass(60);
  assert.equal((await terminal.screen()).at(-1), '! 1 min 0 s ago: heartbeat for drainer failed: throttled');
  report({ type: 'heartbeat', hook: 'drainer' });
  pass(1);
  assert.deepEqual(
    (await terminal.lines()).filter((line) => line.includes('throttled')),
    [],
  );
});
