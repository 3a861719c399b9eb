import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withMoreSettings } from '../../../app/config/more-settings.ts';

function read(environment: Record<string, string>): { environment: unknown; errors: string[] } {
  const errors: string[] = [];
  return { environment: withMoreSettings(environment, errors), errors };
}

// A setting that the stack passes never reaches the drain.
test('SETTINGS holds settings, separated by spaces', () => {
  const given = { SETTINGS: ' UNBUDGETED=all  SPREAD_SECONDS=60\n', CLUSTER_NAME: 'a' };
  assert.deepEqual(read(given), {
    environment: { ...given, UNBUDGETED: 'all', SPREAD_SECONDS: '60' },
    errors: [],
  });
  assert.deepEqual(read({ SETTINGS: '', UNBUDGETED: 'all' }).environment, { SETTINGS: '', UNBUDGETED: 'all' });
  // EventBridge and templates render empty values for what is not set.
  assert.deepEqual(read({ SETTINGS: 'UNBUDGETED=all', UNBUDGETED: '' }).errors, []);
});

// A mistyped setting falls back to its default without a word.
test('what is not NAME=value, not known or set twice is an error', () => {
  assert.deepEqual(read({ SETTINGS: 'UNBUDGETED =all UNBUDGET=all SPREAD_SECONDS=1 SPREAD_SECONDS=2 SURGE' }).errors, [
    "SETTINGS has the word ('UNBUDGETED'), which is not NAME=value",
    "SETTINGS has the word ('=all'), which is not NAME=value",
    "SETTINGS has an unknown setting ('UNBUDGET'); did you mean UNBUDGETED?",
    'SPREAD_SECONDS is set twice: in SETTINGS, and there again',
    "SETTINGS has the word ('SURGE'), which is not NAME=value",
  ]);
  assert.deepEqual(read({ SETTINGS: 'UNBUDGETED=all', UNBUDGETED: 'spread' }).errors, [
    'UNBUDGETED is set twice: in SETTINGS, and on its own',
  ]);
});
