import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, printable } from '../../../app/lib/errors.ts';

// Otherwise names with umlauts and emoji cannot be found again.
test('what people write stays as it is', () => {
  for (const text of ['', 'pods "web-0" not found', 'größe ☃ 漢字 😀']) assert.equal(printable(text), text);
});

// Otherwise a webhook's message deletes the lines above it.
test('what a terminal obeys, and what turns text around, is taken out', () => {
  assert.equal(printable('a\u001b[2Jb\r\nc\td\u0000\u007f\u009be\u2028f\u202eg\u{e0041}h'), 'a [2Jb c d e f g h');
  assert.equal(printable('half a \ud83d'), 'half a');
});

// Otherwise one error fills the log.
test('what is long is cut, and says so', () => {
  assert.equal(printable('abcdef', 3), 'abc…');
  assert.equal(printable('abc', 3), 'abc');
  assert.equal(printable('ab\u0000\u0000\u0000\u0000', 3), 'ab…');
  const cause = new Error('z'.repeat(1_000_000));
  assert.ok(explain(new Error('x'.repeat(1_000_000), { cause })).length < 2_100);
});
