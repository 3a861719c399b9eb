/** A word of EC2 or AWS Health that an instance will go, or may. Times in milliseconds since the epoch. */
export type Notice = {
  readonly instanceId: string;
  readonly what: 'spot interruption' | 'rebalance recommendation' | 'scheduled change' | 'stopped';
  readonly at: number;
  /** When the instance ends for certain; absent: nobody knows. */
  readonly endsAt?: number;
};
