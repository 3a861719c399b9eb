import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { RemainingPod } from '../../../app/events.ts';
import {
  DB,
  mockRedrawTimer,
  PERMANENT,
  PROMPT,
  RETRYING,
  replanned,
  START,
  showEvents,
  warning,
} from '../../support/live.ts';
import { summaryWith } from '../../support/summaries.ts';
import { EmulatedTerminal } from '../../support/terminal.ts';

beforeEach(mockRedrawTimer);

const MANY_PODS: readonly RemainingPod[] = Array.from({ length: 300 }, (_, index) => ({
  pod: `a-namespace-with-a-long-name/a-deployment-with-a-long-name-too-5d59d67564-${index}`,
  uid: `${index}`,
  reason: `budget a-budget-with-a-long-name allows no disruption (${index} of 400 healthy, 400 needed) `.repeat(3),
  ending: index % 3 === 0,
  blocked: index % 3 !== 0,
}));

// One row too many scrolls the terminal eight times a second, and its history is gone.
test('drawing scrolls nothing away, however many pods remain and however long the messages are', async () => {
  for (const [columns, rows] of [
    [80, 24],
    [40, 10],
    [20, 5],
  ] as const) {
    const { terminal, report, pass } = showEvents(START, new EmulatedTerminal(columns, rows));
    report({ ...RETRYING, operation: 'find a way through '.repeat(20) });
    report(replanned(...MANY_PODS));
    pass(1);
    const scrolled = await terminal.scrolled();
    const before = (await terminal.lines()).slice(0, scrolled + 1);
    for (let second = 0; second < 10; second++) {
      report(replanned(...MANY_PODS.slice(second % 2 === 0 ? second * 29 : 0)));
      report({ ...RETRYING, operation: `find a way through ${second} `.repeat(20) });
      pass(1);
    }
    assert.equal(await terminal.scrolled(), scrolled, `${columns} × ${rows}`);
    assert.deepEqual((await terminal.lines()).slice(0, scrolled + 1), before);
    assert.equal((await terminal.lines()).filter((line) => /of 300 gone/.test(line)).length, 1);
  }
});

// On a small terminal, a frame that is too wide or too high destroys the screen.
test('on 40 × 10 the whole frame is visible, with three permanent lines above it', async () => {
  const { terminal, report, pass } = showEvents(START, new EmulatedTerminal(40, 10));
  report(replanned(...MANY_PODS));
  report(RETRYING);
  report(warning('beware'));
  pass(1);
  assert.deepEqual(await terminal.screen(), [
    '  pod kube-system/proxy: skipped: belong',
    's to DaemonSet proxy',
    '! beware',
    '',
    '  ip-10-0-0-1.eu-central-1.compute…  1 s',
    '  0 of 300 gone · 200 waiting',
    '  a-namespace-with-…7564-1  budget a-bu…',
    '  … and 299 more',
    '! 1 s ago: could not watch pods, retryi…',
  ]);
});

// The end of a message, where its cause is, must not be hidden behind an ellipsis.
test('a permanent line that is too long is wrapped, not truncated', async () => {
  const { terminal, report, pass } = showEvents([], new EmulatedTerminal(40, 20));
  const message = 'a message that is longer than the screen '.repeat(3).trim();
  report(warning(message));
  pass(1);
  report(warning('short'));
  const lines = await terminal.lines();
  assert.equal(lines.slice(1, 5).join(''), `! ${message}`);
  assert.deepEqual(lines.slice(5), ['! short', '', '  looking for the node  1 s']);
});

// People resize their terminal, which wraps the lines that no longer fit.
test('after a resize nothing of the former frame is left, and no permanent line is lost', async () => {
  const { terminal, report, pass } = showEvents(START, new EmulatedTerminal(120, 40));
  report(replanned(...MANY_PODS.slice(0, 4)));
  pass(1);
  const whole = async () => (await terminal.lines()).join('').replaceAll(/\s/g, '');
  const permanent = [PROMPT, ...PERMANENT].join('').replaceAll(/\s/g, '');
  for (const [columns, rows] of [
    [60, 40],
    [40, 30],
    [41, 12],
    [150, 50],
    [119, 49],
    [80, 24],
  ] as const) {
    await terminal.resize(columns, rows);
    const atOnce = await terminal.lines();
    assert.ok((await whole()).startsWith(`${permanent}ip-10-0-0-1`), `${columns} × ${rows}\n${atOnce.join('\n')}`);
    assert.equal(atOnce.filter((line) => line.includes('0 of 4 gone')).length, 1, atOnce.join('\n'));
    pass(2);
    const ageless = (lines: readonly string[]) => lines.map((line) => line.replaceAll(/\d+ s\b/g, ''));
    assert.deepEqual(ageless(await terminal.lines()), ageless(atOnce));
  }
  report({ type: 'summary', summary: summaryWith() });
  assert.ok((await whole()).startsWith(`${permanent}✓i-0123456789abcdef0`));
});

// Such letters take two columns each: a line that wraps moves all lines below it.
test('wide letters do not destroy the frame', async () => {
  const { terminal, report, pass } = showEvents([]);
  report({ ...RETRYING, error: new Error('証明書の有効期限が切れています'.repeat(8)) });
  report(replanned({ ...DB, reason: '予算'.repeat(40) }));
  pass(3);
  const starts = (await terminal.lines()).map((line) => line.slice(0, 16));
  const expected = [
    PROMPT,
    '',
    '  looking for the node',
    `  ${'░'.repeat(24)}`,
    '  shop/db-0  予算予算予算',
    '! 3 s ago: could not watch pods',
    '  証明書の有効期限が切れています',
  ];
  assert.deepEqual(
    starts,
    expected.map((line) => line.slice(0, 16)),
  );
});

// The terminal of `docker run --tty` is 0 × 0 until somebody attaches to it.
test('a terminal without a size counts as 80 × 24', async () => {
  class Sizeless extends EmulatedTerminal {
    override get columns(): number {
      return 0;
    }
    override get rows(): number {
      return 0;
    }
  }
  const { terminal, pass } = showEvents(START, new Sizeless());
  pass(1);
  assert.equal((await terminal.screen()).at(-1), '  shop/web-0  terminating for 1 s');
});
