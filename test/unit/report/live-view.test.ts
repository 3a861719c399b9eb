import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { RunEvent } from '../../../app/events.ts';
import { Failure } from '../../../app/lib/errors.ts';
import {
  DB,
  gone,
  mockRedrawTimer,
  NODE,
  PERMANENT,
  PROMPT,
  RETRYING,
  replanned,
  START,
  showEvents,
  WEB,
  warning,
} from '../../support/live.ts';
import { summaryWith } from '../../support/summaries.ts';

const GREEN = 2;
const RED = 1;
const YELLOW = 3;

beforeEach(mockRedrawTimer);

// An operator who cannot see what the drain waits for, and why, kills it.
test('the live lines are below the permanent ones, and show the progress and the remaining pods', async () => {
  const { terminal, report, pass } = showEvents(START);
  pass(1);
  assert.deepEqual(await terminal.screen(), [
    PROMPT,
    ...PERMANENT,
    '',
    `  ${NODE}  1 s · heartbeat 1 s ago`,
    `  ${'░'.repeat(24)}  0 of 2 gone · 1 waiting · 1 ending · 1 skipped`,
    '  shop/db-0   budget db allows no disruption',
    '  shop/web-0  terminating for 1 s',
  ]);
  report(gone('shop/web-0'));
  report(replanned(DB));
  pass(44);
  assert.deepEqual(await terminal.screen(), [
    PROMPT,
    ...PERMANENT,
    '',
    `  ${NODE}  45 s · heartbeat 45 s ago`,
    `  ${'█'.repeat(12)}${'░'.repeat(12)}  1 of 2 gone · 1 waiting · 1 skipped`,
    '  shop/db-0  budget db allows no disruption',
  ]);
});

// A frame that remains between the lines later states what is no longer true.
test('permanent lines are printed once, in order, without remains of live lines between them', async () => {
  const { terminal, report, pass } = showEvents(START);
  const expected = [PROMPT, ...PERMANENT];
  for (let index = 0; index < 40; index++) {
    if (index % 3 === 0) pass(1);
    report(index % 2 === 0 ? replanned(DB, WEB) : replanned());
    report(warning(`number ${index}`));
    expected.push(`! number ${index}`);
    if (index % 5 === 0) report(replanned(DB));
  }
  const lines = await terminal.lines();
  assert.deepEqual(lines.slice(0, expected.length), expected);
  assert.deepEqual(lines.slice(expected.length, expected.length + 2), ['', `  ${NODE}  14 s · heartbeat 14 s ago`]);
  assert.equal(lines.filter((line) => line.includes('heartbeat')).length, 1);
});

// Lines below the result would look like something that happened after it.
test('the summary is the last thing on the screen, and green after a success', async () => {
  const { terminal, report, pass } = showEvents(START);
  pass(3);
  report({ type: 'hook completed', hook: 'drainer', result: 'CONTINUE' });
  report({ type: 'summary', summary: summaryWith({ node: NODE }) });
  pass(3);
  assert.deepEqual(await terminal.lines(), [
    PROMPT,
    ...PERMANENT,
    '  hook drainer: completed with CONTINUE',
    '✓ i-0123456789abcdef0: drained in 8.5 s',
    `  node ${NODE} · 12 evicted, 3 skipped`,
    '  blocked for 6.3 s, shop/db-0 for 4.2 s · hook: CONTINUE · exit 0',
  ]);
  assert.deepEqual(await terminal.styleOf(7), { color: GREEN, bold: true });
});

// Nobody investigates a failed drain whose last line is green.
test('the summary of a failed drain is red, and marked for terminals without colours', async () => {
  const { terminal, report } = showEvents(START);
  report({ type: 'summary', summary: summaryWith({ result: 'failed', exitCode: 1 }) });
  const [line] = (await terminal.lines()).slice(1 + PERMANENT.length);
  assert.equal(line, '✗ i-0123456789abcdef0: failed in 8.5 s');
  assert.deepEqual(await terminal.styleOf(1 + PERMANENT.length), { color: RED, bold: true });
});

// A warning that looks like every other line is not read, and not every terminal or person sees colours.
test('warnings and errors are coloured and marked, and an error has its advice below it', async () => {
  const { terminal, report } = showEvents([warning('beware')]);
  report({ type: 'run failed', error: new Failure('no node', { advice: 'look for it' }) });
  assert.deepEqual((await terminal.lines()).slice(0, 4), [PROMPT, '! beware', '✗ no node', '    look for it']);
  assert.equal((await terminal.styleOf(1)).color, YELLOW);
  assert.equal((await terminal.styleOf(2)).color, RED);
});

// A shell without a cursor looks dead.
test('the cursor is hidden while the view is live, and shown after the summary', async () => {
  const { terminal, report, pass } = showEvents(START);
  assert.equal(await terminal.showsCursor(), false);
  pass(1);
  assert.equal(await terminal.showsCursor(), false);
  report({ type: 'summary', summary: summaryWith() });
  pass(1);
  assert.equal(await terminal.showsCursor(), true);
});

// Ctrl-C can end the program at any time, without a summary.
test('a view that ends without a summary leaves the permanent lines and the cursor', async () => {
  const { terminal, end, pass } = showEvents(START);
  pass(1);
  end();
  pass(1);
  assert.deepEqual(await terminal.lines(), [PROMPT, ...PERMANENT]);
  assert.equal(await terminal.showsCursor(), true);
  assert.equal(terminal.listenerCount('resize'), 0);
  terminal.write('$ ');
  end();
  assert.deepEqual(await terminal.lines(), [PROMPT, ...PERMANENT, '$ ']);
});

// Kubernetes Events are still being sent after the summary, and a failure there is reported.
test('an event after the end neither shows live lines again nor hides the cursor', async () => {
  const { terminal, report, pass } = showEvents(START);
  report({ type: 'summary', summary: summaryWith() });
  const before = await terminal.lines();
  report(warning('too late'));
  await terminal.resize(90, 30);
  pass(1);
  assert.deepEqual(await terminal.lines(), [...before, '! too late']);
  assert.equal(await terminal.showsCursor(), true);
});

// A drain that gets no answer looks like one that has nothing to do.
test('a problem is shown with its age, and disappears when the API server accepts a request', async () => {
  const { terminal, report, pass } = showEvents([...START, RETRYING]);
  pass(7);
  const problem = '! 7 s ago: could not watch pods, retrying in 5 s: refused';
  assert.equal((await terminal.screen()).at(-1), problem);
  report({ type: 'eviction accepted', pod: 'shop/db-0' });
  pass(1);
  assert.deepEqual(
    (await terminal.lines()).filter((line) => line.includes('refused')),
    [],
  );
});

// Most retries that succeed are not reported. Nobody believes a problem that is shown for ever.
test('a problem disappears 15 s after its retry was due, when no further failure was reported', async () => {
  const { terminal, pass } = showEvents([...START, RETRYING]);
  pass(19);
  assert.match((await terminal.screen()).at(-1) ?? '', /^! 19 s ago/);
  pass(1);
  assert.match((await terminal.screen()).at(-1) ?? '', /^ {2}shop\/web-0/);
});

// Without heartbeats the instance is terminated, however well the API server answers.
test('a failed heartbeat is shown until one for the same hook succeeds', async () => {
  const failed: RunEvent = { type: 'heartbeat failed', hook: 'drainer', error: new Error('throttled'), failures: 1 };
  const { terminal, report, pass } = showEvents([...START, failed]);
  report(gone('shop/web-0'));
  report({ type: 'heartbeat', hook: 'another' });
  pass(60);
  assert.equal((await terminal.screen()).at(-1), '! 1 min 0 s ago: hook drainer: heartbeat failed: throttled');
  report({ type: 'heartbeat', hook: 'drainer' });
  pass(1);
  assert.deepEqual(
    (await terminal.lines()).filter((line) => line.includes('throttled')),
    [],
  );
});
