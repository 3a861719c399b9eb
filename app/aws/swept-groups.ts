import type { AutoScalingClient, AutoScalingGroup } from '@aws-sdk/client-auto-scaling';
import { readTags } from '../config/tags.ts';
import type { SweptGroup, SweptInstance } from '../sweep/ports.ts';
import { sweptStateOf } from '../sweep/swept-state.ts';
import { type AwsRegion, awsCall, clientSettings } from './call.ts';
import { tagsOf } from './ec2.ts';

/** The limits of DescribeAutoScalingGroups and of DescribeAutoScalingInstances. */
const MAX_GROUPS = 100;
const MAX_INSTANCES = 50;

/**
 * Finds the instances that concern a sweep in all groups of the region: one call for a hundred groups, regardless of their
 * number of instances.
 * @param groupPrefix only groups whose names start with this
 * @throws Failure when Auto Scaling fails, or denies access
 */
export async function sweptGroups(region: AwsRegion, groupPrefix: string, signal: AbortSignal): Promise<SweptGroup[]> {
  const { AutoScalingClient, DescribeAutoScalingGroupsCommand } = await import('./sdk.ts');
  const client = new AutoScalingClient(clientSettings(region));
  const described: AutoScalingGroup[] = [];
  let nextToken: string | undefined;
  do {
    const token = nextToken;
    const command = new DescribeAutoScalingGroupsCommand({
      MaxRecords: MAX_GROUPS,
      ...(token !== undefined && { NextToken: token }),
    });
    const page = await awsCall(
      `describe the Auto Scaling groups of ${region.name}`,
      'autoscaling:DescribeAutoScalingGroups',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    described.push(...(page.AutoScalingGroups ?? []));
    nextToken = page.NextToken;
  } while (nextToken !== undefined);

  const groups = described.filter(({ AutoScalingGroupName: name = '' }) => name.startsWith(groupPrefix));
  const warm = new Map<string, SweptInstance[]>();
  if (groups.some(({ WarmPoolConfiguration }) => WarmPoolConfiguration !== undefined)) {
    for await (const instance of warmInstances(client, region, groups, signal)) {
      warm.set(instance.group, [...(warm.get(instance.group) ?? []), instance]);
    }
  }
  return groups.map((group) => sweptGroupOf(group, warm.get(group.AutoScalingGroupName ?? '') ?? []));
}

/**
 * The instances of warm pools, which a group does not list among its own.
 * https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingInstanceDetails.html
 */
async function* warmInstances(
  client: AutoScalingClient,
  region: AwsRegion,
  groups: readonly AutoScalingGroup[],
  signal: AbortSignal,
): AsyncGenerator<SweptInstance> {
  const { DescribeAutoScalingInstancesCommand } = await import('./sdk.ts');
  const byName = new Map(groups.map((group) => [group.AutoScalingGroupName, group]));
  let nextToken: string | undefined;
  do {
    const token = nextToken;
    const command = new DescribeAutoScalingInstancesCommand({
      MaxRecords: MAX_INSTANCES,
      ...(token !== undefined && { NextToken: token }),
    });
    const page = await awsCall(
      `describe the Auto Scaling instances of ${region.name}`,
      'autoscaling:DescribeAutoScalingInstances',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    for (const { InstanceId, LifecycleState = '', AutoScalingGroupName: name } of page.AutoScalingInstances ?? []) {
      const group = byName.get(name);
      if (group === undefined || !LifecycleState.startsWith('Warmed:')) continue;
      yield* sweptInstances(InstanceId, LifecycleState, group);
    }
    nextToken = page.NextToken;
  } while (nextToken !== undefined);
}

function sweptGroupOf(group: AutoScalingGroup, warm: readonly SweptInstance[]): SweptGroup {
  const { AutoScalingGroupName: name = '', Instances = [], Tags = [], Status } = group;
  const own = Instances.flatMap(({ InstanceId, LifecycleState = '' }) =>
    sweptInstances(InstanceId, LifecycleState, group),
  );
  const known = new Set(own.map(({ instanceId }) => instanceId));
  return {
    name,
    tags: readTags(tagsOf(Tags)),
    // Set only while the group is deleted.
    deleting: Status !== undefined,
    instances: [...own, ...warm.filter(({ instanceId }) => !known.has(instanceId))],
  };
}

/** The instance, if its state concerns a sweep. */
function sweptInstances(
  instanceId: string | undefined,
  lifecycleState: string,
  { AutoScalingGroupName: group = '', WarmPoolConfiguration }: AutoScalingGroup,
): SweptInstance[] {
  const state = sweptStateOf(lifecycleState, WarmPoolConfiguration?.InstanceReusePolicy?.ReuseOnScaleIn ?? false);
  return instanceId === undefined || state === undefined ? [] : [{ instanceId, group, state }];
}
