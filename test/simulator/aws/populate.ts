import type { Seed } from './seed.ts';
import type { AwsSimulator } from './simulator.ts';

/** Puts into the account what the seed says: an empty bucket, and a group with a terminating hook and an instance. */
export function populate(aws: AwsSimulator, seed: Seed): void {
  aws.createBucket(seed.bucket);
  aws.createAutoScalingGroup({ name: seed.group, desiredCapacity: 1 });
  aws.putLifecycleHook({
    autoScalingGroupName: seed.group,
    lifecycleHookName: seed.hook,
    heartbeatTimeout: seed.heartbeatTimeoutSeconds,
  });
  aws.launchInstance({ instanceId: seed.instanceId, autoScalingGroupName: seed.group });
}
