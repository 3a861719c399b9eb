import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inputTransformer, transform } from '../../simulator/aws/eventbridge/input-transformer.ts';
import type { Value } from '../../simulator/aws/json.ts';

// A transformer that is more tolerant than EventBridge hides that a task never starts.
test('input transformers render values like EventBridge', () => {
  const event: Value = { detail: { id: 'i-1', n: 3, list: ['a', 'b'], object: { k: 'v' }, quoted: 'say "hi"' } };
  const paths = {
    id: '$.detail.id',
    n: '$.detail.n',
    first: '$.detail.list[0]',
    list: '$.detail.list',
    object: '$.detail.object',
    quoted: '$.detail.quoted',
    missing: '$.detail.missing',
  };
  const render = (InputTemplate: string) => transform(inputTransformer({ InputPathsMap: paths, InputTemplate }), event);
  assert.deepEqual(render('{"a": "<id>", "b": <id>, "c": <n>, "d": "n=<n>"}'), {
    a: 'i-1',
    b: 'i-1',
    c: 3,
    d: 'n=3',
  });
  assert.deepEqual(render('{"a": "<first>", "b": <list>, "c": <object>}'), {
    a: 'a',
    b: ['a', 'b'],
    c: { k: 'v' },
  });
  assert.deepEqual(render('{"a": "is <object>"}'), { a: 'is {k:v}' }, 'inner quotes are removed within a string');
  assert.deepEqual(render('{"a": "<missing>"}'), { a: '' }, 'an absent value is empty');
  assert.equal(render('"Instance <id> goes, \\"<n>\\" left"'), 'Instance i-1 goes, "3" left');
  assert.throws(() => render('{"a": <missing>}'), /not JSON/);
  assert.throws(() => render('{"a": "<quoted>"}'), /not JSON/, 'values are not escaped');
  assert.throws(() => render('{"a": "<unknown>"}'), /<unknown>, which InputPathsMap does not have/);
  assert.throws(
    () => inputTransformer({ InputPathsMap: { a: 'detail.id' }, InputTemplate: '<a>' }),
    /does not support the JSON path/,
  );
});
