import { at, textAt, type ValueMap } from '../json.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** One value of a metric. Milliseconds since the epoch; `visibleAt` is later than `at` when the metric is delayed. */
export type Sample = { readonly at: number; readonly value: number; readonly visibleAt?: number };

/**
 * CloudWatch retrieves more data points than the evaluation periods. AWS documents no number; its example for 3 periods
 * has 5.
 */
const EXTRA_PERIODS = 2;

/**
 * The state changes of an alarm, evaluated each minute from `from` to `to`, with a new alarm's state at the beginning.
 * @param properties of an `AWS::CloudWatch::Alarm` with one metric
 */
export function alarmChanges(
  properties: ValueMap,
  samples: readonly Sample[],
  { from, to }: { readonly from: number; readonly to: number },
): { readonly at: number; readonly state: AlarmState }[] {
  const changes: { at: number; state: AlarmState }[] = [];
  let state: AlarmState = 'INSUFFICIENT_DATA';
  for (let now = from; now <= to; now += 60_000) {
    const visible = samples.filter((sample) => (sample.visibleAt ?? sample.at) <= now);
    const next = alarmState(properties, visible, now, state);
    if (next !== state || changes.length === 0) changes.push({ at: now, state: next });
    state = next;
  }
  return changes;
}

/**
 * Evaluates an alarm as CloudWatch does. The periods that have data count first: with enough of them, missing data does not
 * matter, even if they are older than the evaluation periods. Otherwise all of them count, and missing ones are filled in.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
export function alarmState(
  properties: ValueMap,
  samples: readonly Sample[],
  now: number,
  current: AlarmState,
): AlarmState {
  const period = Number(textAt(properties, 'Period')) * 1000;
  const evaluated = Number(textAt(properties, 'EvaluationPeriods'));
  const toAlarm = Number(at(properties, 'DatapointsToAlarm') ?? evaluated);
  const end = Math.floor(now / period) * period;
  const points = Array.from({ length: evaluated + EXTRA_PERIODS }, (_, n) => {
    const begin = end - (n + 1) * period;
    return statistic(textAt(properties, 'Statistic'), samples, begin, begin + period);
  }).filter((value) => value !== undefined);
  const recent = points.slice(0, evaluated);
  const breaching = recent.filter((value) => isBreaching(properties, value)).length;
  const missing = evaluated - recent.length;
  if (breaching >= toAlarm) return 'ALARM';
  if (breaching + missing < toAlarm) return 'OK';
  switch (at(properties, 'TreatMissingData') ?? 'missing') {
    case 'breaching':
      return 'ALARM';
    case 'notBreaching':
      return 'OK';
    case 'ignore':
      return current;
    default:
      if (recent.length === 0) return 'INSUFFICIENT_DATA';
      return breaching === recent.length ? 'ALARM' : 'OK';
  }
}

function statistic(name: string, samples: readonly Sample[], from: number, to: number): number | undefined {
  const values = samples.filter((sample) => sample.at >= from && sample.at < to).map(({ value }) => value);
  if (values.length === 0) return undefined;
  switch (name) {
    case 'Sum':
      return values.reduce((sum, value) => sum + value, 0);
    case 'SampleCount':
      return values.length;
    case 'Maximum':
      return Math.max(...values);
    default:
      throw new Error(`the simulator does not support the statistic ${name}`);
  }
}

function isBreaching(properties: ValueMap, value: number): boolean {
  const threshold = Number(textAt(properties, 'Threshold'));
  switch (textAt(properties, 'ComparisonOperator')) {
    case 'GreaterThanThreshold':
      return value > threshold;
    case 'GreaterThanOrEqualToThreshold':
      return value >= threshold;
    case 'LessThanThreshold':
      return value < threshold;
    default:
      throw new Error('the simulator does not support this comparison');
  }
}
