import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dimensionValue, renamed } from '../../../app/report/metrics.ts';

test('names that CloudWatch takes are left as they are', () => {
  const names = ['prod', 's3://bucket/key with spaces.conf', 'eks-workers-52c8a~!@#$%^&*()', 'x'.repeat(1_024)];
  assert.deepEqual(names.map(dimensionValue), names);
});

// A group of another alphabet would have no metrics at all, and so no alarm.
test('what CloudWatch does not take is percent-encoded, so that names that differ go on to differ', () => {
  const names = ['nœuds', 'noeuds', 'ノード-1', 'ノード-2', '😀', 'a\tb', 'a\u007fb', '\ud800', ' ', '  '];
  const values = names.map(dimensionValue);
  assert.equal(new Set(values).size, names.length);
  for (const value of values) assert.match(value, /^(?=.*\S)[\x20-\x7e]{1,1024}$/);
  assert.equal(values[0], 'n%C5%93uds');
});

test('a value is neither empty nor longer than CloudWatch takes', () => {
  assert.equal(dimensionValue(''), 'none');
  assert.equal(dimensionValue('ü'.repeat(255)).length, 1_024);
  assert.equal(dimensionValue('x'.repeat(2_000)).length, 1_024);
});

test('only the names that are called otherwise are told', () => {
  assert.deepEqual(renamed(['prod', undefined, 'nœuds']), [{ name: 'nœuds', value: 'n%C5%93uds' }]);
});
