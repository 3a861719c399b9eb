import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consequenceOf, type Outcome, type Policies } from '../../app/outcome.ts';

const defaults: Policies = { missingNode: 'continue', onFailure: 'leave', onDeadline: 'continue' };
const error = new Error('broken');

function consequence(outcome: Outcome, policies: Partial<Policies> = {}): string {
  const { hookResult, exitCode } = consequenceOf(outcome, { ...defaults, ...policies });
  return `${hookResult ?? 'not completed'}, ${exitCode}`;
}

// A wrong row of the table in docs/outcomes.md either terminates an instance with its pods or keeps it billed for two days.
test('each outcome has its hook result and its exit code', () => {
  assert.equal(consequence({ kind: 'drained' }), 'CONTINUE, 0');
  assert.equal(consequence({ kind: 'no node' }), 'CONTINUE, 0');
  assert.equal(consequence({ kind: 'no node' }, { missingNode: 'abandon' }), 'ABANDON, 0');
  assert.equal(consequence({ kind: 'no node' }, { missingNode: 'auto' }), 'CONTINUE, 0');
  assert.equal(consequence({ kind: 'node missing', error }), 'not completed, 1');
  assert.equal(consequence({ kind: 'node missing', error }, { onFailure: 'abandon' }), 'ABANDON, 1');
  assert.equal(consequence({ kind: 'node missing', error }, { missingNode: 'abandon' }), 'not completed, 1');
  assert.equal(consequence({ kind: 'no pending action', reason: '' }), 'not completed, 0');
  assert.equal(consequence({ kind: 'instance of another cluster', reason: '' }), 'not completed, 0');
  for (const onFailure of ['leave', 'abandon', 'continue'] as const) {
    assert.equal(consequence({ kind: 'cluster unknown', error }, { onFailure }), 'not completed, 1');
  }
  assert.equal(consequence({ kind: 'drained by peer' }), 'not completed, 0');
  assert.equal(consequence({ kind: 'handed over', task: 'arn:task/2' }), 'not completed, 0');
  assert.equal(consequence({ kind: 'bug', error }), 'not completed, 70');
  assert.equal(consequence({ kind: 'dry run' }), 'not completed, 0');
  assert.equal(consequence({ kind: 'action ended' }), 'not completed, 3');
  assert.equal(consequence({ kind: 'failed', error }), 'not completed, 1');
  assert.equal(consequence({ kind: 'failed', error }, { onFailure: 'abandon' }), 'ABANDON, 1');
  assert.equal(consequence({ kind: 'failed', error }, { onFailure: 'continue' }), 'CONTINUE, 1');
  assert.equal(consequence({ kind: 'deadline' }), 'CONTINUE, 0');
  assert.equal(consequence({ kind: 'deadline' }, { onDeadline: 'abandon' }), 'ABANDON, 0');
  assert.equal(consequence({ kind: 'deadline' }, { onDeadline: 'force' }), 'CONTINUE, 0');
  assert.equal(consequence({ kind: 'not terminating', error }), 'not completed, 64');
  assert.equal(consequence({ kind: 'stopped', signal: 'SIGTERM' }), 'not completed, 143');
  assert.equal(consequence({ kind: 'stopped', signal: 'SIGINT' }), 'not completed, 130');
});

// A policy that also changes another row abandons drains that succeeded.
test('each policy changes only its own outcome', () => {
  const all: Policies = { missingNode: 'abandon', onFailure: 'abandon', onDeadline: 'abandon' };
  assert.equal(consequence({ kind: 'drained' }, all), 'CONTINUE, 0');
  assert.equal(consequence({ kind: 'action ended' }, all), 'not completed, 3');
  assert.equal(consequence({ kind: 'stopped', signal: 'SIGTERM' }, all), 'not completed, 143');
  assert.equal(consequence({ kind: 'no pending action', reason: '' }, all), 'not completed, 0');
  assert.equal(consequence({ kind: 'not terminating', error }, all), 'not completed, 64');
});
