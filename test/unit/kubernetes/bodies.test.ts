import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListParser, readListMetadata, readWatchEvent } from '../../../app/kubernetes/bodies.ts';

/** Parses the text in chunks of this size. */
function parse(text: string, size: number) {
  const parser = new ListParser((item) => item);
  for (let at = 0; at < text.length; at += size) parser.push(text.slice(at, at + size));
  return parser.end();
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

// A brace in an annotation, or a chunk that ends inside one, would lose pods.
test('a list is parsed as by JSON.parse, wherever the network splits it', () => {
  for (const text of [JSON.stringify(LIST), JSON.stringify(LIST, undefined, 2)]) {
    for (let size = 1; size <= text.length; size++) {
      assert.deepEqual(parse(text, size), { items: PODS, list: { ...LIST, items: [] } }, `chunks of ${size}`);
    }
  }
});

// The last pod has left, and the node never becomes empty. Old servers send null.
test('a list without items is empty', () => {
  for (const items of [[], null]) {
    assert.deepEqual(parse(JSON.stringify({ ...LIST, items }), 5), { items: [], list: { ...LIST, items } });
  }
});

// The pods that did not arrive would count as gone.
test('an incomplete list is an error', () => {
  const text = JSON.stringify(LIST);
  for (let length = 0; length < text.length; length++)
    assert.throws(() => parse(text.slice(0, length), 16), SyntaxError);
});

// A pod that cannot be read would be missing from the list, and stay on the node.
test('an item that cannot be read is an error', () => {
  const parser = new ListParser(() => {
    throw new Error('not a pod');
  });
  assert.throws(() => parser.push(JSON.stringify(LIST)), /not a pod/);
});

// Go writes empty lists as null; old servers omit the resource version.
test('a list with null items and empty metadata is read', () => {
  const nothing = { resourceVersion: '', continueToken: '', remainingItemCount: 0 };
  assert.deepEqual(readListMetadata({ metadata: {}, items: null }), nothing);
});

// The error page of a proxy would count as an empty list, and the node as drained.
test('an object that is not a list, or a line that is not a watch event, is refused', () => {
  for (const list of [{ items: [] }, { metadata: {}, items: [1] }, { metadata: {} }]) {
    assert.throws(() => readListMetadata(list));
  }
  for (const line of ['', '{"type":', '{}', '[]', '<html>']) assert.throws(() => readWatchEvent(line));
});
