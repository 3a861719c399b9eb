import type { InstanceFacts } from '../ports.ts';
import { awsCall, clientSettings, errorName } from './call.ts';

/** What EC2 knows of the instance; undefined when it knows no such instance. */
export async function describeInstance(
  instanceId: string,
  region: string,
  signal: AbortSignal,
): Promise<InstanceFacts | undefined> {
  const { DescribeInstancesCommand, EC2Client } = await import('./sdk.ts');
  const client = new EC2Client(clientSettings(region));
  const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
  const { Reservations = [] } = await awsCall(
    `describe the EC2 instance ${instanceId}`,
    'ec2:DescribeInstances',
    async () => {
      try {
        return await client.send(command, { abortSignal: signal });
      } catch (error) {
        if (errorName(error) === 'InvalidInstanceID.NotFound') return { Reservations: [] };
        throw error;
      }
    },
    signal,
  );
  const instance = Reservations[0]?.Instances?.[0];
  if (instance === undefined) return undefined;
  return {
    ...(instance.PrivateDnsName ? { privateDnsName: instance.PrivateDnsName } : {}),
    clusters: clustersNamedBy(tagsOf(instance.Tags ?? [])),
  };
}

/** Most values that a filter of EC2 takes. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html */
const MOST_VALUES = 200;

/** The EKS clusters that the tags of each of these instances name; those that EC2 does not know are left out. */
export async function clustersOf(
  instanceIds: readonly string[],
  region: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { DescribeInstancesCommand, EC2Client } = await import('./sdk.ts');
  const client = new EC2Client(clientSettings(region));
  const clusters = new Map<string, readonly string[]>();
  for (let from = 0; from < instanceIds.length; from += MOST_VALUES) {
    const Values = instanceIds.slice(from, from + MOST_VALUES);
    // By a filter, because one unknown ID among those asked for by name fails the whole call.
    const command = new DescribeInstancesCommand({ Filters: [{ Name: 'instance-id', Values }] });
    const { Reservations = [] } = await awsCall(
      `describe ${Values.length} EC2 instances`,
      'ec2:DescribeInstances',
      () => client.send(command, { abortSignal: signal }),
      signal,
    );
    for (const { InstanceId, Tags = [] } of Reservations.flatMap(({ Instances = [] }) => Instances)) {
      if (InstanceId !== undefined) clusters.set(InstanceId, clustersNamedBy(tagsOf(Tags)));
    }
  }
  return clusters;
}

/**
 * The EKS clusters that an instance's tags name.
 * https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html#tag-resources-for-billing
 */
export function clustersNamedBy(tags: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(tags).map((key) => /^kubernetes\.io\/cluster\/(.+)$/.exec(key)?.[1]);
  return [...new Set([...names, tags['aws:eks:cluster-name'], tags['eks:cluster-name']])].filter(
    (name) => name !== undefined,
  );
}

function tagsOf(tags: readonly { Key?: string | undefined; Value?: string | undefined }[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
}
