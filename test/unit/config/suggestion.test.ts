import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flagOf } from '../../../app/config/command-settings.ts';
import { settingNames } from '../../../app/config/settings.ts';
import { editDistance, nearest, suggestionFor } from '../../../app/config/suggestion.ts';

const FLAGS = settingNames.map(flagOf);

// A mistyped name sends the reader to the documentation.
test('a near miss suggests the name that was meant', () => {
  assert.equal(suggestionFor('drian', ['drain', 'sweep']), 'drain');
  assert.equal(suggestionFor('sweeep', ['drain', 'sweep']), 'sweep');
  assert.equal(suggestionFor('instance_id', FLAGS), 'instance-id');
  assert.equal(suggestionFor('on-faliure', FLAGS), 'on-failure');
  assert.equal(suggestionFor('lifecycle-hook', FLAGS), 'lifecycle-hook-name');
});

// A suggestion that has nothing to do with what was typed sends the reader the wrong way.
test('a far miss suggests nothing', () => {
  assert.equal(suggestionFor('frobnicate', ['drain', 'sweep']), undefined);
  assert.equal(suggestionFor('brain-dead', ['drain', 'sweep']), undefined);
  assert.equal(suggestionFor('x', FLAGS), undefined);
  assert.equal(suggestionFor('', FLAGS), undefined);
  assert.equal(suggestionFor('colour', FLAGS), undefined);
});

// Of several settings that start alike, one is suggested by chance.
test('the beginning of several names suggests nothing', () => {
  assert.equal(suggestionFor('lifecycle-', FLAGS), undefined);
  assert.equal(suggestionFor('kube-config', ['kube-config-bucket', 'kube-config-object']), undefined);
});

// An argument of a megabyte takes hours.
test('a very long word suggests nothing, and takes no time', () => {
  const startedAt = performance.now();
  assert.equal(suggestionFor('x'.repeat(1_000_000), FLAGS), undefined);
  assert.ok(performance.now() - startedAt < 100);
});

// Swapped letters, the most common typing mistake, count twice.
test('the distance counts inserted, deleted, replaced and swapped letters', () => {
  const distances: [string, string, number][] = [
    ['drain', 'drain', 0],
    ['', 'drain', 5],
    ['drain', '', 5],
    ['drai', 'drain', 1],
    ['drrain', 'drain', 1],
    ['drawn', 'drain', 1],
    ['drian', 'drain', 1],
    ['kitten', 'sitting', 3],
  ];
  for (const [from, to, distance] of distances) assert.equal(editDistance(from, to), distance, `${from} → ${to}`);
});

// A node is named in part, or with a mistake in its long name, and its full name has to be looked up with another tool.
test('the nearest names are those that contain the word, then those with the fewest mistakes', () => {
  const nodes = ['ip-10-0-0-1.internal', 'ip-10-0-0-12.internal', 'ip-10-0-3-7.internal', 'worker-1'];
  assert.deepEqual(nearest('10-0-3-7', nodes, 1), ['ip-10-0-3-7.internal']);
  assert.deepEqual(nearest('ip-10-0-0-2.internal', nodes, 2), ['ip-10-0-0-1.internal', 'ip-10-0-0-12.internal']);
  assert.deepEqual(nearest('x', [], 3), []);
});
