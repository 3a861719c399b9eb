import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { LiveRegion } from '../../../app/report/live-region.ts';
import { EmulatedTerminal } from '../../support/terminal.ts';

// The last letter of every full line is missing: the cursor is still on it, and what erases the rest of the line erases it.
// https://vt100.net/docs/vt100-ug/chapter3.html (EL, and autowrap at the right margin)
test('a line as wide as the terminal is shown whole, and a shorter one leaves nothing of it', async () => {
  const terminal = new EmulatedTerminal(40, 10);
  const region = new LiveRegion(terminal);
  region.draw(['x'.repeat(40), 'y'.repeat(39), 'z'.repeat(40)]);
  assert.deepEqual(await terminal.screen(), ['x'.repeat(40), 'y'.repeat(39), 'z'.repeat(40)]);
  region.draw(['a', 'b'.repeat(40), '']);
  assert.deepEqual(await terminal.screen(), ['a', 'b'.repeat(40)]);
  region.end();
});

// The emulator of these tests forgives it, as a real terminal does not.
test('nothing is erased at the end of a full line', () => {
  const output = Object.assign(new PassThrough({ encoding: 'utf8' }), { columns: 40, rows: 10 });
  new LiveRegion(output).draw(['x'.repeat(40)]);
  const written = String(output.read());
  assert.match(written, /x{40}\n/);
  assert.ok(!written.includes('x\x1b[K'));
});
