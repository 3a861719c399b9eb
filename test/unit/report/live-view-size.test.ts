import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { RemainingPod } from '../../../app/events.ts';
import {
  BEGINNING,
  DB,
  LASTING,
  looked,
  PROMPT,
  RETRYING,
  shown,
  stopTheDrawing,
  warning,
} from '../../support/live.ts';
import { summaryWith } from '../../support/summaries.ts';
import { EmulatedTerminal } from '../../support/terminal.ts';

beforeEach(stopTheDrawing);

const CROWD: readonly RemainingPod[] = Array.from({ length: 300 }, (_, index) => ({
  pod: `a-namespace-with-a-long-name/a-deployment-with-a-long-name-too-5d59d67564-${index}`,
  uid: `${index}`,
  reason: `budget a-budget-with-a-long-name allows no disruption (${index} of 400 healthy, 400 needed) `.repeat(3),
  ending: index % 3 === 0,
  blocked: index % 3 !== 0,
}));

// Eight times a second a line too many would be gone from the screen, and the history of the terminal with it.
test('however much remains and however long it takes to say, drawing scrolls nothing away', async () => {
  for (const [columns, rows] of [
    [80, 24],
    [40, 10],
    [20, 5],
  ] as const) {
    const { terminal, report, pass } = shown(BEGINNING, new EmulatedTerminal(columns, rows));
    report({ ...RETRYING, what: 'find a way through '.repeat(20) });
    report(looked(...CROWD));
    pass(1);
    const scrolled = await terminal.scrolled();
    const before = (await terminal.lines()).slice(0, scrolled + 1);
    for (let second = 0; second < 10; second++) {
      report(looked(...CROWD.slice(second % 2 === 0 ? second * 29 : 0)));
      report({ ...RETRYING, what: `find a way through ${second} `.repeat(20) });
      pass(1);
    }
    assert.equal(await terminal.scrolled(), scrolled, `${columns} × ${rows}`);
    assert.deepEqual((await terminal.lines()).slice(0, scrolled + 1), before);
    assert.equal((await terminal.lines()).filter((line) => /of 300 gone/.test(line)).length, 1);
  }
});

// On a small terminal a frame that is too wide or too high tears everything apart.
test('on 40 × 10 the picture is whole, with some of what lasts above it', async () => {
  const { terminal, report, pass } = shown(BEGINNING, new EmulatedTerminal(40, 10));
  report(looked(...CROWD));
  report(RETRYING);
  report(warning('beware'));
  pass(1);
  assert.deepEqual(await terminal.screen(), [
    '  kube-system/proxy stays: belongs to Da',
    'emonSet proxy',
    '! beware',
    '',
    '  ip-10-0-0-1.eu-central-1.compute…  1 s',
    '  0 of 300 gone · 200 waiting',
    '  a-namespace-with-…7564-1  budget a-bu…',
    '  … and 299 more',
    '! 1 s ago: could not watch pods, trying…',
  ]);
});

// A line that is longer than the screen is wide hides behind an ellipsis exactly what one needs to know.
test('what lasts is told whole, on as many lines as it takes', async () => {
  const { terminal, report, pass } = shown([], new EmulatedTerminal(40, 20));
  const words = 'all that there is to say about it, and more '.repeat(3).trim();
  report(warning(words));
  pass(1);
  report(warning('short'));
  const lines = await terminal.lines();
  assert.equal(lines.slice(1, 5).join(''), `! ${words}`);
  assert.deepEqual(lines.slice(5), ['! short', '', '  looking for the node  1 s']);
});

// The corner of a window is dragged while one looks, and a terminal breaks the lines that no longer fit.
test('another size of the terminal leaves nothing of the former picture, and takes nothing of what lasts', async () => {
  const { terminal, report, pass } = shown(BEGINNING, new EmulatedTerminal(120, 40));
  report(looked(...CROWD.slice(0, 4)));
  pass(1);
  const whole = async () => (await terminal.lines()).join('').replaceAll(/\s/g, '');
  const lasting = [PROMPT, ...LASTING].join('').replaceAll(/\s/g, '');
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
    assert.ok((await whole()).startsWith(`${lasting}ip-10-0-0-1`), `${columns} × ${rows}\n${atOnce.join('\n')}`);
    assert.equal(atOnce.filter((line) => line.includes('0 of 4 gone')).length, 1, atOnce.join('\n'));
    pass(2);
    const ageless = (lines: readonly string[]) => lines.map((line) => line.replaceAll(/\d+ s\b/g, ''));
    assert.deepEqual(ageless(await terminal.lines()), ageless(atOnce));
  }
  report({ type: 'summary', summary: summaryWith() });
  assert.ok((await whole()).startsWith(`${lasting}✓i-0123456789abcdef0`));
});

// Two columns wide as they are, such letters are more than they seem; a line that wraps moves all that is below it.
test('letters that are wider than others tear nothing apart', async () => {
  const { terminal, report, pass } = shown([]);
  report({ ...RETRYING, error: new Error('証明書の有効期限が切れています'.repeat(8)) });
  report(looked({ ...DB, reason: '予算'.repeat(40) }));
  pass(3);
  const beginnings = (await terminal.lines()).map((line) => line.slice(0, 16));
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
    beginnings,
    expected.map((line) => line.slice(0, 16)),
  );
});

// `docker run --tty` gives a terminal of no size until it is attached to.
test('a terminal that does not know its size is taken for a usual one', async () => {
  class Sizeless extends EmulatedTerminal {
    override get columns(): number {
      return 0;
    }
    override get rows(): number {
      return 0;
    }
  }
  const { terminal, pass } = shown(BEGINNING, new Sizeless());
  pass(1);
  assert.equal((await terminal.screen()).at(-1), '  shop/web-0  terminating for 1 s');
});
