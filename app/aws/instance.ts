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
  const tags = Object.fromEntries((instance.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
  return {
    ...(instance.PrivateDnsName ? { privateDnsName: instance.PrivateDnsName } : {}),
    clusters: clustersNamedBy(tags),
  };
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
