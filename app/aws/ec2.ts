import type { Instance } from '@aws-sdk/client-ec2';
import { readTags } from '../config/tags.ts';
import type { InstanceInfo } from '../run/instance.ts';
import { type AwsRegion, awsCall, clientSettings } from './call.ts';

/** The limit of EC2. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html */
const MAX_FILTER_VALUES = 200;

/** undefined: EC2 knows no such instance. */
export async function describeInstance(
  instanceId: string,
  region: AwsRegion,
  signal: AbortSignal,
): Promise<InstanceInfo | undefined> {
  return (await describeInstances([instanceId], region, signal)).get(instanceId);
}

/**
 * @returns the instances that EC2 knows, by ID; the others are missing
 * @throws Failure when EC2 fails, or denies access
 */
export async function describeInstances(
  instanceIds: readonly string[],
  region: AwsRegion,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, InstanceInfo>> {
  const { DescribeInstancesCommand, EC2Client } = await import('./sdk.ts');
  const client = new EC2Client(clientSettings(region));
  const found = new Map<string, InstanceInfo>();
  for (let from = 0; from < instanceIds.length; from += MAX_FILTER_VALUES) {
    const Values = instanceIds.slice(from, from + MAX_FILTER_VALUES);
    // With InstanceIds instead of a filter, one unknown ID would fail the whole call.
    const command = new DescribeInstancesCommand({ Filters: [{ Name: 'instance-id', Values }] });
    const { Reservations = [] } = await awsCall(
      Values.length === 1 ? `describe the EC2 instance ${Values[0]}` : `describe ${Values.length} EC2 instances`,
      'ec2:DescribeInstances',
      (abortSignal) => client.send(command, { abortSignal }),
      signal,
    );
    for (const instance of Reservations.flatMap(({ Instances = [] }) => Instances)) {
      if (instance.InstanceId !== undefined) found.set(instance.InstanceId, infoOf(instance));
    }
  }
  return found;
}

function infoOf({ PrivateDnsName, PrivateIpAddress, NetworkInterfaces = [], ...instance }: Instance): InstanceInfo {
  const addresses = NetworkInterfaces.flatMap(({ PrivateIpAddresses = [] }) => PrivateIpAddresses);
  const privateIPs = [PrivateIpAddress, ...addresses.map((address) => address.PrivateIpAddress)];
  return {
    ...(PrivateDnsName ? { privateDnsName: PrivateDnsName } : {}),
    privateIPs: [...new Set(privateIPs.filter((ip) => ip !== undefined))],
    ...(instance.LaunchTime !== undefined && { launchedAt: instance.LaunchTime.getTime() }),
    ...(instance.State?.Name !== undefined && { state: instance.State.Name }),
    ...readTags(tagsOf(instance.Tags ?? [])),
  };
}

/** Tags as EC2 and Auto Scaling describe them. */
export function tagsOf(
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[],
): Record<string, string> {
  return Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
}
