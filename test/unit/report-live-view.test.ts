import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Failure } from '../../app/failure.ts';
import type { DrainEvent, Remaining, Report } from '../../app/report/event.ts';
import { liveView } from '../../app/report/live-view.ts';
import { summaryWith } from '../support/summaries.ts';
import { EmulatedTerminal } from '../support/terminal.ts';

const NODE = 'ip-10-0-0-1.eu-central-1.compute.internal';
const WEB: Remaining = { pod: 'shop/web-0', uid: 'w', why: 'terminating for 1 s', ending: true, blocked: false };
const DB: Remaining = { pod: 'shop/db-0', uid: 'd', why: 'budget db allows none', ending: false, blocked: true };
const RETRYING: DrainEvent = { type: 'retrying', what: 'watch pods', error: new Error('refused'), inMs: 5_000 };
const GREEN = 2;
const RED = 1;
const YELLOW = 3;

const looked = (...remaining: Remaining[]): DrainEvent => ({ type: 'looked', remaining: () => remaining });
const gone = (pod: string): DrainEvent => ({ type: 'pod gone', pod, proof: 'deleted' });
const warning = (message: string): DrainEvent => ({ type: 'warning', message });
/** What a drain tells until it waits for pods. */
const BEGINNING: readonly DrainEvent[] = [
  { type: 'started', version: '1.0.0', target: 'i-0123456789abcdef0', cluster: 'EKS cluster prod', dryRun: false },
  { type: 'connected', server: 'https://prod', policyVersion: 'v1' },
  { type: 'node found', node: NODE, uid: 'n', providerID: '', by: 'name' },
  { type: 'cordoned', node: NODE, excludedFromLoadBalancers: false },
  { type: 'beat', hook: 'drainer' },
  { type: 'pod left', pod: 'kube-system/proxy', why: 'belongs to DaemonSet proxy' },
  looked(DB, WEB),
];
const LASTING = [
  '  drain of i-0123456789abcdef0 in EKS cluster prod',
  '  https://prod answers',
  `  node ${NODE} found by name`,
  `  node ${NODE} cordoned`,
  '  kube-system/proxy stays: belongs to DaemonSet proxy',
];

type Shown = {
  readonly terminal: EmulatedTerminal;
  readonly report: Report;
  readonly end: () => void;
  /** Lets time pass, as the drawing timer and the clock see it. */
  readonly pass: (seconds: number) => void;
};

/** The live view on a terminal that shows a prompt, and the events. */
function shown(events: readonly DrainEvent[], terminal = new EmulatedTerminal()): Shown {
  let now = Date.parse('2026-01-02T03:04:05Z');
  terminal.write('$ node dist/main.mjs drain\n');
  const { report, end } = liveView(terminal, () => now);
  for (const event of events) report(event);
  const pass = (seconds: number) => {
    for (let tick = 0; tick < seconds * 8; tick++) {
      now += 125;
      mock.timers.tick(125);
    }
  };
  return { terminal, report, end, pass };
}

const PROMPT = '$ node dist/main.mjs drain';

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setInterval'] });
});

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
    '  shop/db-0   budget db allows none',
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
    '  shop/db-0  budget db allows none',
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
  report({ type: 'failed', error: new Failure('no node', { advice: 'look for it' }) });
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
  report({ type: 'pod accepted', pod: 'shop/db-0' });
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
  const failed: DrainEvent = { type: 'beat failed', hook: 'drainer', error: new Error('throttled'), failures: 1 };
  const { terminal, report, pass } = shown([...BEGINNING, failed]);
  report(gone('shop/web-0'));
  report({ type: 'beat', hook: 'another' });
  pass(60);
  assert.equal((await terminal.screen()).at(-1), '! 1 min 0 s ago: heartbeat for drainer failed: throttled');
  report({ type: 'beat', hook: 'drainer' });
  pass(1);
  assert.deepEqual(
    (await terminal.lines()).filter((line) => line.includes('throttled')),
    [],
  );
});

const CROWD: readonly Remaining[] = Array.from({ length: 300 }, (_, index) => ({
  pod: `a-namespace-with-a-long-name/a-deployment-with-a-long-name-too-5d59d67564-${index}`,
  uid: `${index}`,
  why: `budget a-budget-with-a-long-name allows none (${index} of 400 healthy, 400 needed) `.repeat(3),
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
  report(looked({ ...DB, why: '予算'.repeat(40) }));
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
