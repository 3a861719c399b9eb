import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListParser } from '../../../app/kubernetes/bodies.ts';

/** Reads the text in pieces of this size. */
function read(text: string, size: number) {
  const items = new ListParser((item) => item);
  for (let at = 0; at < text.length; at += size) items.push(text.slice(at, at + size));
  return items.end();
}

const PODS = [
  {
    metadata: { name: 'a', annotations: { note: '}],{ "items": [ \\"' } },
    spec: { containers: [{ args: ['{', '\\'] }] },
  },
  { metadata: { name: 'b ☃' }, status: { conditions: [] } },
  {},
];
const LIST = { kind: 'PodList', metadata: { resourceVersion: '7', labels: [] }, items: PODS, apiVersion: 'v1' };

test('a list is read as JSON.parse reads it, wherever the network cuts it into pieces', () => {
  // Otherwise: a brace in an annotation, or a cut in the middle of one, loses pods.
  for (const text of [JSON.stringify(LIST), JSON.stringify(LIST, undefined, 2)]) {
    for (let size = 1; size <= text.length; size++) {
      assert.deepEqual(read(text, size), { items: PODS, list: { ...LIST, items: [] } }, `pieces of ${size}`);
    }
  }
});

test('a list without items has none', () => {
  // Otherwise: an empty node is never empty. Old servers send null.
  for (const items of [[], null]) {
    assert.deepEqual(read(JSON.stringify({ ...LIST, items }), 5), { items: [], list: { ...LIST, items } });
  }
});

test('a list that breaks off is no list', () => {
  // Otherwise: the pods that did not arrive are taken for gone.
  const text = JSON.stringify(LIST);
  for (let length = 0; length < text.length; length++)
    assert.throws(() => read(text.slice(0, length), 16), SyntaxError);
});

test('an item that cannot be read is told', () => {
  // Otherwise: a pod that we do not understand is left on the node.
  const items = new ListParser(() => {
    throw new Error('no pod');
  });
  assert.throws(() => items.push(JSON.stringify(LIST)), /no pod/);
});
