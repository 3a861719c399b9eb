import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AlarmState, alarmState, type Sample } from '../../simulator/aws/cloudwatch/alarm.ts';

const MINUTE = 60_000;

/** The table of AWS for an alarm with three of three periods: five periods, oldest first; X breaches, 0 does not. */
const TABLE: readonly (readonly [points: string, ...states: AlarmState[]])[] = [
  // points, missing, ignore (the state before was INSUFFICIENT_DATA), breaching, notBreaching
  ['0-X-X', 'OK', 'OK', 'OK', 'OK'],
  ['----0', 'OK', 'OK', 'OK', 'OK'],
  ['-----', 'INSUFFICIENT_DATA', 'INSUFFICIENT_DATA', 'ALARM', 'OK'],
  ['0XX-X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['--X--', 'ALARM', 'INSUFFICIENT_DATA', 'ALARM', 'OK'],
];

// An alarm of a quiet night goes off, or that of a broken probe does not, because the tests believe in simpler rules.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
test('an alarm treats missing data as the table of AWS says', () => {
  for (const [points, ...states] of TABLE) {
    const samples = [...points].flatMap((point, n): Sample[] =>
      point === '-' ? [] : [{ at: n * MINUTE, value: point === 'X' ? 1 : 0 }],
    );
    const evaluated = ['missing', 'ignore', 'breaching', 'notBreaching'].map((TreatMissingData) => {
      const metric = { Statistic: 'Sum', Period: 60, EvaluationPeriods: 3, ComparisonOperator: 'GreaterThanThreshold' };
      return alarmState({ ...metric, Threshold: 0, TreatMissingData }, samples, 5 * MINUTE, 'INSUFFICIENT_DATA');
    });
    assert.deepEqual(evaluated, states, points);
  }
});
