/**
 * List prices of us-east-1 in dollars, without free tiers and discounts. The price pages of AWS load many figures by script: where a
 * second page confirms one, it is named too.
 */
export const PRICES = {
  /**
   * Per second from the start of the image pull, at least one minute. https://aws.amazon.com/fargate/pricing/,
   * https://www.vantage.sh/blog/fargate-pricing
   */
  fargate: {
    ARM64: { vcpuHour: 0.03238, gigabyteHour: 0.00356 },
    X86_64: { vcpuHour: 0.04048, gigabyteHour: 0.004445 },
  },
  /**
   * Data in either direction. The gateway itself ($0.045 an hour) is not counted: the nodes need it too.
   * https://aws.amazon.com/vpc/pricing/, https://hub.pointfive.co/inefficiencies/excessive-nat-gateway-data-processing-charges-from-unoptimized-traffic-routing
   */
  natGigabyte: 0.045,
  /** Per second. https://aws.amazon.com/vpc/pricing/ */
  publicAddressHour: 0.005,
  /** Per endpoint and zone. A gateway endpoint for S3 is free. https://aws.amazon.com/privatelink/pricing/ */
  interfaceEndpointHour: 0.01,
  /** https://aws.amazon.com/ecr/pricing/ */
  registryGigabyteMonth: 0.1,
  /**
   * The first 10,000 metrics, "prorated by the hour and metered only when you send metrics". An alarm is billed for each metric that it
   * reads. https://aws.amazon.com/cloudwatch/pricing/
   */
  metricMonth: 0.3,
  alarmMetricMonth: 0.1,
  /** The first three of an account are free. https://aws.amazon.com/cloudwatch/pricing/ */
  dashboardMonth: 3,
  logGigabyte: 0.5,
  logStorageGigabyteMonth: 0.03,
  /** The first 14 million of a month are free. https://aws.amazon.com/eventbridge/pricing/ */
  schedulerInvocation: 1 / 1e6,
  /**
   * Express workflows; duration in steps of 100 ms and 64 MB. https://aws.amazon.com/step-functions/pricing/
   * `0.06` is the price of a gigabyte-hour up to a thousand of them.
   */
  stateMachineRequest: 1 / 1e6,
  stateMachineGigabyteSecond: 0.06 / 3_600,
  /** The first million of a month is free. https://aws.amazon.com/sqs/pricing/ */
  queueRequest: 0.4 / 1e6,
  /** The first thousand of a month are free. https://aws.amazon.com/sns/pricing/ */
  email: 2 / 1e5,
  /** Continuous recording. https://aws.amazon.com/config/pricing/, https://www.vantage.sh/blog/aws-config-pricing */
  configurationItem: 0.003,
  /** Management events of every trail after the first. https://aws.amazon.com/cloudtrail/pricing/ */
  trailEvent: 2 / 1e5,
  /** Management events, the first 500 million. https://aws.amazon.com/guardduty/pricing/ */
  guardDutyEvent: 4 / 1e6,
  /** A customer managed key. https://aws.amazon.com/kms/pricing/ */
  keyMonth: 1,
} as const;

export type Architecture = keyof typeof PRICES.fargate;
