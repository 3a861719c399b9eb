import { Timers } from '../timers.ts';
import type { AfterRefusal } from './eventbridge/delivery.ts';
import { type Partition, partitionOf } from './protocol/partition.ts';

/** Account, region and clock, shared by all simulated services. */
export type Context = {
  accountId: string;
  region: string;
  partition: Partition;
  /** Milliseconds since the epoch, by the simulator's clock. */
  now: () => number;
  /** How many times faster lifecycle timeouts run. */
  timeScale: number;
  /** How many times faster EventBridge retries a delivery, and gives up. */
  retryTimeScale: number;
  /** For delayed work: retries, late events, schedules. */
  timers: AwsTimers;
};

/** `after` runs the work in `ms` milliseconds and returns a function that cancels it; `stop` cancels all work. */
export type AwsTimers = Pick<Timers, 'after' | 'stop'>;

export type AwsOptions = {
  port?: number;
  /** Default: 127.0.0.1. */
  host?: string;
  region?: string;
  /** The static access key of the clients. Default: random. */
  accessKey?: { accessKeyId: string; secretAccessKey: string };
  now?: () => number;
  /** How many times faster lifecycle timeouts run. */
  timeScale?: number;
  /** How many times faster EventBridge retries a delivery, and gives up. Default: `timeScale`. */
  retryTimeScale?: number;
  /** Default: real timers. A test with a fake clock passes timers that follow it. */
  timers?: AwsTimers;
  /** What EventBridge does with an event when ECS did not place the task. Default: `dead-letter`; see EventDelivery. */
  afterRefusal?: AfterRefusal;
};

/** A private DNS name as EC2 assigns it, with an IP address derived from the instance ID. */
export function privateDnsNameOf(instanceId: string, region: string): string {
  const bytes = Buffer.from(instanceId.slice(2).padStart(8, '0').slice(-4), 'hex');
  const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
  return `ip-10-0-${bytes[0] ?? 0}-${bytes[1] ?? 0}.${domain}`;
}

export function contextOf(options: AwsOptions): Context {
  const region = options.region ?? 'eu-central-1';
  const partition = partitionOf(region);
  if (!partition) throw new Error(`${region} is not an AWS region`);
  return {
    accountId: '123456789012',
    region,
    partition,
    now: options.now ?? Date.now,
    timeScale: options.timeScale ?? 1,
    retryTimeScale: options.retryTimeScale ?? options.timeScale ?? 1,
    timers: options.timers ?? new Timers(),
  };
}
