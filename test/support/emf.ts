import assert from 'node:assert/strict';
import * as v from 'valibot';

const UNITS = ['Seconds', 'Count'];

/** The name or value of a dimension: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html */
const dimension = (maxLength: number) =>
  v.pipe(v.string(), v.minLength(1), v.maxLength(maxLength), v.regex(/^[\x20-\x7e]*$/), v.regex(/\S/));

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
const Line = v.looseObject({
  _aws: v.strictObject({
    Timestamp: v.pipe(v.number(), v.integer()),
    CloudWatchMetrics: v.pipe(
      v.array(
        v.strictObject({
          Namespace: v.pipe(v.string(), v.regex(/^(?!AWS\/)[\w.\-/#: ]{1,255}$/)),
          Dimensions: v.pipe(v.array(v.pipe(v.array(dimension(255)), v.maxLength(30))), v.minLength(1)),
          Metrics: v.pipe(
            v.array(v.strictObject({ Name: v.pipe(v.string(), v.regex(/^\w{1,255}$/)), Unit: v.picklist(UNITS) })),
            v.minLength(1),
            v.maxLength(100),
          ),
        }),
      ),
      v.length(1),
    ),
  }),
});

/** What CloudWatch extracts from a line: the metrics by name, and each set of dimensions with its values. */
type Extracted = {
  readonly namespace: string;
  readonly at: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly dimensions: readonly Readonly<Record<string, string>>[];
};

/**
 * Reads a line as CloudWatch does. Fails where CloudWatch would silently drop it: a metric that is missing or not a number, a
 * dimension that is not a string, a timestamp that is not in milliseconds of this century.
 */
export function extract(line: unknown): Extracted {
  const parsed = v.parse(Line, line);
  const { Timestamp: at, CloudWatchMetrics } = parsed._aws;
  assert.ok(at > Date.parse('2020-01-01') && at < Date.parse('2100-01-01'), `${at} is not a time in milliseconds`);
  const [directive] = CloudWatchMetrics;
  assert.ok(directive !== undefined);
  const { Namespace, Dimensions, Metrics } = directive;
  const names = Metrics.map(({ Name }) => Name);
  assert.equal(new Set(names).size, names.length, 'a metric is defined twice');
  const numberOf = (name: string) => v.parse(v.pipe(v.number(), v.finite()), parsed[name]);
  return {
    namespace: Namespace,
    at,
    metrics: Object.fromEntries(names.map((name) => [name, numberOf(name)])),
    dimensions: Dimensions.map((set) =>
      Object.fromEntries(set.map((name) => [name, v.parse(dimension(1_024), parsed[name])])),
    ),
  };
}
