import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consequenceOf, type Outcome, type Policies } from '../../app/outcome.ts';

const usual: Policies = { missingNode: 'continue', onFailure: 'leave', onDeadline: 'continue' };
const error = new Error('broken');

function follows(outcome: Outcome, policies: Partial<Policies> = {}): string {
  const { hookResult, exitCode } = consequenceOf(outcome, { ...usual, ...policies });
  return `${hookResult ?? 'untouched'}, ${exitCode}`;
}

// The table of the README. A row that is off by one either kills pods or keeps an instance billed for two days.
test('each outcome has its word for the hook and its exit code', () => {
  assert.equal(follows({ kind: 'drained' }), 'CONTINUE, 0');
  assert.equal(follows({ kind: 'no node' }), 'CONTINUE, 0');
  assert.equal(follows({ kind: 'no node' }, { missingNode: 'abandon' }), 'ABANDON, 0');
  assert.equal(follows({ kind: 'no pending action', reason: '' }), 'untouched, 0');
  assert.equal(follows({ kind: 'instance of another cluster', reason: '' }), 'untouched, 0');
  assert.equal(follows({ kind: 'dry run' }), 'untouched, 0');
  assert.equal(follows({ kind: 'action ended' }), 'untouched, 3');
  assert.equal(follows({ kind: 'failed', error }), 'untouched, 1');
  assert.equal(follows({ kind: 'failed', error }, { onFailure: 'abandon' }), 'ABANDON, 1');
  assert.equal(follows({ kind: 'failed', error }, { onFailure: 'continue' }), 'CONTINUE, 1');
  assert.equal(follows({ kind: 'deadline' }), 'CONTINUE, 0');
  assert.equal(follows({ kind: 'deadline' }, { onDeadline: 'abandon' }), 'ABANDON, 0');
  assert.equal(follows({ kind: 'deadline' }, { onDeadline: 'force' }), 'CONTINUE, 0');
  assert.equal(follows({ kind: 'not terminating', error }), 'untouched, 64');
  assert.equal(follows({ kind: 'stopped', signal: 'SIGTERM' }), 'untouched, 143');
  assert.equal(follows({ kind: 'stopped', signal: 'SIGINT' }), 'untouched, 130');
});

// A policy that leaks into another row abandons healthy drains.
test('each policy changes its own row and no other', () => {
  const all: Policies = { missingNode: 'abandon', onFailure: 'abandon', onDeadline: 'abandon' };
  assert.equal(follows({ kind: 'drained' }, all), 'CONTINUE, 0');
  assert.equal(follows({ kind: 'action ended' }, all), 'untouched, 3');
  assert.equal(follows({ kind: 'stopped', signal: 'SIGTERM' }, all), 'untouched, 143');
  assert.equal(follows({ kind: 'no pending action', reason: '' }, all), 'untouched, 0');
  assert.equal(follows({ kind: 'not terminating', error }, all), 'untouched, 64');
});
