import type { WaitingInstance } from '../sweep/sweep.ts';
import { awsCall, clientSettings } from './call.ts';

/** Most groups that DescribeAutoScalingGroups gives at once. */
const PAGE = 100;

export type WaitingInstances = { readonly groups: number; readonly instances: readonly WaitingInstance[] };

/**
 * The instances of all groups that wait in a terminating hook: one call for a hundred groups, however many instances they have.
 * @throws Failure when Auto Scaling fails, or denies it
 */
export async function waitingInstances(
  region: string,
  groupPrefix: string,
  signal: AbortSignal,
): Promise<WaitingInstances> {
  const { AutoScalingClient, DescribeAutoScalingGroupsCommand } = await import('./sdk.ts');
  const client = new AutoScalingClient(clientSettings(region));
  const instances: WaitingInstance[] = [];
  let groups = 0;
  let next: string | undefined;
  do {
    const token = next;
    const command = new DescribeAutoScalingGroupsCommand({
      MaxRecords: PAGE,
      ...(token !== undefined && { NextToken: token }),
    });
    const page = await awsCall(
      `describe the Auto Scaling groups of ${region}`,
      'autoscaling:DescribeAutoScalingGroups',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    for (const { AutoScalingGroupName: group = '', Instances = [] } of page.AutoScalingGroups ?? []) {
      if (!group.startsWith(groupPrefix)) continue;
      groups++;
      for (const { InstanceId: instanceId, LifecycleState } of Instances) {
        if (instanceId !== undefined && LifecycleState === 'Terminating:Wait') instances.push({ instanceId, group });
      }
    }
    next = page.NextToken;
  } while (next !== undefined);
  return { groups, instances };
}
