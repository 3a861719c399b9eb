import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dimensionValue, encodedNames } from '../../../app/report/metrics.ts';

// An alarm with the name of the cluster would never have data.
test('names that are valid dimension values are unchanged', () => {
  const names = ['prod', 's3://bucket/key with spaces.conf', 'eks-workers-52c8a~!@#$%^&*()', 'x'.repeat(1_024)];
  assert.deepEqual(names.map(dimensionValue), names);
});

// A group named in another alphabet would have no metrics, and so no alarm.
test('other characters are percent-encoded, so that different names stay different', () => {
  const names = ['nœuds', 'noeuds', 'ノード-1', 'ノード-2', '😀', 'a\tb', 'a\u007fb', '\ud800', ' ', '  '];
  const values = names.map(dimensionValue);
  assert.equal(new Set(values).size, names.length);
  for (const value of values) assert.match(value, /^(?=.*\S)[\x20-\x7e]{1,1024}$/);
  assert.equal(values[0], 'n%C5%93uds');
});

// CloudWatch silently drops metrics with such a dimension.
test('a value is neither empty nor longer than 1024 characters', () => {
  assert.equal(dimensionValue(''), 'none');
  assert.equal(dimensionValue('ü'.repeat(255)).length, 1_024);
  assert.equal(dimensionValue('x'.repeat(2_000)).length, 1_024);
});

// A warning about every name would be read by nobody.
test('only encoded names are reported', () => {
  assert.deepEqual(encodedNames(['prod', undefined, 'nœuds']), [{ name: 'nœuds', value: 'n%C5%93uds' }]);
});
