import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../app/lib/clock.ts';

// A clock that NTP sets right in the middle of a drain would pass its deadline, or give up pods that were just asked to end.
test('a clock of the wall that is set moves no time', (t) => {
  const before = systemClock.now();
  const wall = Date.now();
  for (const ms of [-600_000, 600_000]) {
    const set = t.mock.method(Date, 'now', () => wall + ms);
    assert.ok(systemClock.now() - before < 5_000);
    assert.ok(systemClock.now() >= before);
    set.mock.restore();
  }
});

// Otherwise a token is dated 1970, or a log line has a fraction of a millisecond.
test('it tells whole milliseconds of the epoch', () => {
  const now = systemClock.now();
  assert.ok(Number.isInteger(now));
  assert.ok(Math.abs(now - Date.now()) < 60_000);
});
