import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chart, ticks } from '../../../scripts/bench/chart.ts';

const slow = {
  name: 'slow',
  seconds: 51,
  points: [
    { seconds: 0, pods: 250 },
    { seconds: 51, pods: 0 },
  ],
};
const quick = {
  name: 'quick <fast> & "neat"',
  seconds: 2.61,
  points: [
    { seconds: 0, pods: 250 },
    { seconds: 2.5, pods: 0 },
  ],
};

// Otherwise no browser shows the chart, or its lines cannot be told apart.
test('the chart names each contender with its time, in a text that XML allows', () => {
  const svg = chart({ title: '250 pods', series: [slow, quick] });
  assert.match(svg, />slow: 51 s</);
  assert.match(svg, />quick &lt;fast&gt; &amp; &quot;neat&quot;: 2.61 s</);
  assert.match(svg, /seconds since the start/);
  assert.match(svg, /pods on the node/);
});

// Otherwise the chart makes one program look faster than it is.
test('a contender that is twenty times as quick ends at a twentieth of the width', () => {
  const ends = [...chart({ title: '', series: [slow, quick] }).matchAll(/ d="M[\d. ]+H([\d.]+)V([\d.]+)"/g)];
  const [slowEnd = 0, quickEnd = 0] = ends.map(([, x]) => Number(x) - 64);
  assert.ok(Math.abs(slowEnd / quickEnd - 51 / 2.5) < 0.1, `${slowEnd} and ${quickEnd}`);
  assert.deepEqual(new Set(ends.map(([, , y]) => y)), new Set(['348']), 'both end at no pods');
});

// Otherwise a meaningless line at zero.
test('the floor is drawn where it is, and only if there is one', () => {
  assert.match(chart({ title: '', floorSeconds: 15, series: [slow] }), />floor 15 s</);
  assert.doesNotMatch(chart({ title: '', series: [slow] }), />floor/);
});

// Otherwise a division by zero discards minutes of measurements.
test('a run without measurements still gives a chart', () => {
  const svg = chart({ title: 'nothing', series: [{ name: 'none', seconds: 0, points: [] }] });
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
});

// Otherwise lines leave the plot, and labels look like 17.3.
test('axes have round steps, up to a number that is at least the maximum', () => {
  assert.deepEqual(ticks(51), [0, 20, 40, 60]);
  assert.deepEqual(ticks(250), [0, 50, 100, 150, 200, 250]);
  assert.deepEqual(ticks(2.61), [0, 1, 2, 3]);
  assert.deepEqual(ticks(1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
});
