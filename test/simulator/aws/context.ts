import { Timers } from '../timers.ts';
import type { AfterRefusal } from './eventbridge/delivery.ts';
import { type Partition, partitionOf } from './protocol/partition.ts';

/** What every simulated service knows of where and when it is. */
export type Context = {
  accountId: string;
  region: string;
  partition: Partition;
  /** Milliseconds since the epoch, by the simulator's clock. */
  now: () => number;
  /** How many times faster lifecycle timeouts run. */
  timeScale: number;
  /** How many times faster EventBridge tries a delivery again, and gives it up. */
  retryTimeScale: number;
  /** For what happens by itself later. */
  timers: AwsTimers;
};

/** `after` does the work in `ms` milliseconds and answers how to call it off; `stop` calls everything off. */
export type AwsTimers = Pick<Timers, 'after' | 'stop'>;

export type AwsOptions = {
  port?: number;
  /** Default: 127.0.0.1. */
  host?: string;
  region?: string;
  /** The static keys that its clients sign with. Default: made up. */
  accessKey?: { accessKeyId: string; secretAccessKey: string };
  now?: () => number;
  /** How many times faster lifecycle timeouts run. */
  timeScale?: number;
  /** How many times faster EventBridge tries a delivery again, and gives it up. Default: `timeScale`. */
  retryTimeScale?: number;
  /** Default: those of the machine. A test that moves the clock by hand brings timers that follow it. */
  timers?: AwsTimers;
  /** What EventBridge does about a task that ECS did not place. Default: `dead-letter`; see EventDelivery. */
  afterRefusal?: AfterRefusal;
};

/** The name that EC2 makes of an address; here the address is made of the ID. */
export function privateDnsNameOf(instanceId: string, region: string): string {
  const bytes = Buffer.from(instanceId.slice(2).padStart(8, '0').slice(-4), 'hex');
  const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
  return `ip-10-0-${bytes[0] ?? 0}-${bytes[1] ?? 0}.${domain}`;
}

export function contextOf(options: AwsOptions): Context {
  const region = options.region ?? 'eu-central-1';
  const partition = partitionOf(region);
  if (!partition) throw new Error(`${region} is no AWS region`);
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
