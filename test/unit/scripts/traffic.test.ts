import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chart } from '../../../scripts/traffic/chart.ts';
import type { Measured, Result } from '../../../scripts/traffic/figures.ts';
import { goalsOf } from '../../../scripts/traffic/goals.ts';
import { floorOf } from '../../../scripts/traffic/pod-times.ts';
import { scenarios } from '../../../scripts/traffic/scenario.ts';

// A floor that is too high lets a slow drain pass.
test('the floor of a drain is the replacement of each pod but the last, and the end of the last one', () => {
  const seconds = floorOf([
    { leaves: true, readyAt: 1_000, askedAt: 10_000, goneAt: 16_000 },
    { leaves: true, readyAt: 1_000, askedAt: 14_000, goneAt: 19_000 },
    { leaves: false, readyAt: 1_000 },
    { leaves: false, readyAt: 13_000 },
    { leaves: false, readyAt: 18_000 },
  ]);
  assert.equal(seconds, 3 + 5);
});

test('a drain that left a pod behind has no floor, and neither has one without pods', () => {
  assert.equal(floorOf([{ leaves: true, readyAt: 1_000, askedAt: 10_000 }]), undefined);
  assert.equal(floorOf([{ leaves: true, readyAt: 1_000 }]), undefined);
  assert.equal(floorOf([{ leaves: false, readyAt: 1_000 }]), undefined);
});

const measured: Measured = {
  kind: 'measured',
  sent: 2_000,
  failed: {},
  failedAt: {},
  fromSecond: -2,
  toSecond: 8,
  seconds: 10,
  ended: true,
  pods: 3,
};

function goals(scenario: string, ours: Partial<Measured>, kubectl: Partial<Measured>) {
  const of = (drainer: string, outcome: Partial<Measured>): Result => ({
    scenario,
    drainer,
    title: drainer,
    outcome: { ...measured, ...outcome },
  });
  const all = goalsOf(scenarios, [of('ours', ours), of('kubectl', kubectl)]);
  return Object.fromEntries(all.map(({ goal, met }) => [goal.replace(/^.*?: /, ''), met]));
}

// A table that says that a goal is met because nothing was measured is worse than none.
test('a goal is met by what was measured, and a drain that never ends meets none of its own', () => {
  assert.deepEqual(goals('single', { ended: false }, {}), { 'no request fails': false });
  assert.deepEqual(goals('single', {}, { ended: false }), { 'no request fails': true });
  assert.deepEqual(goals('no-budget', { failed: { ECONNREFUSED: 1 }, lastAskedSeconds: 9 }, { lastAskedSeconds: 1 }), {
    'no request fails': false,
  });
  assert.deepEqual(
    goals(
      'no-pre-stop',
      { failed: { a: 9, b: 1 }, floorSeconds: 9, lastAskedSeconds: 2 },
      { failed: { a: 9 }, lastAskedSeconds: 1 },
    ),
    {
      'no more requests fail than with kubectl': false,
      'at most 1.1 × the floor': false,
      'the last pod is asked to end no later than by kubectl': false,
    },
  );
});

// GitHub shows images on a dark page, too; and a chart of ten minutes must stay small enough to be committed.
test('the chart has a panel for each scenario, colours for dark pages, and joins seconds that are alike', () => {
  const failedAt = Object.fromEntries(Array.from({ length: 300 }, (_, second) => [second, 200]));
  const line = { name: 'kubectl', failedAt, fromSecond: -2, toSecond: 600, endedAt: 300 };
  const svg = chart([{ title: 'a <b> & c', lines: [line] }], { kubectl: 'kubectl drain' }, 200);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.match(svg, />a &lt;b> &amp; c</);
  assert.ok(svg.length < 3_000, `${svg.length} characters`);
});
