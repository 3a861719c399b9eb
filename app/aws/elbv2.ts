import type { TargetDescription, TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Clock } from '../lib/clock.ts';
import { type RegisteredTarget, type TargetGroups, targetGroupName } from '../run/target-groups.ts';
import { type AwsRegion, awsCall, clientSettings, errorName } from './call.ts';

/** The limit of DescribeTargetGroups: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html */
const MAX_GROUPS = 400;

/**
 * Between the starts of two calls. All callers of an account share 40 `Describe…` calls, refilled by 10 a second; among them is the
 * controller that has to deregister the node.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html
 */
const CALL_INTERVAL_MS = 1_000;

/** The target group was deleted, or the target has: nothing is sent to either. */
const GONE = ['TargetGroupNotFoundException', 'TargetGroupNotFound', 'InvalidTargetException', 'InvalidTarget'];

/**
 * The calls to Elastic Load Balancing (version 2) that the drainer makes, one a second. Loads the SDK only when called.
 */
export async function targetGroups(region: AwsRegion, clock: Clock): Promise<TargetGroups> {
  const sdk = await import('./sdk.ts');
  // The caller retries, at a rate that it limits.
  const client = new sdk.ElasticLoadBalancingV2Client({ ...clientSettings(region), maxAttempts: 1 });
  let nextAt = 0;
  const paced = async <T>(
    what: string,
    action: string,
    call: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ) => {
    const now = clock.now();
    const startAt = Math.max(now, nextAt);
    nextAt = startAt + CALL_INTERVAL_MS;
    if (startAt > now) await clock.sleep(startAt - now, signal);
    return awsCall(what, `elasticloadbalancing:${action}`, call, signal);
  };
  const health = async (group: string, targets: readonly RegisteredTarget[] | undefined, signal: AbortSignal) => {
    const command = new sdk.DescribeTargetHealthCommand({
      TargetGroupArn: group,
      ...(targets !== undefined && { Targets: targets.map(descriptionOf) }),
    });
    try {
      const { TargetHealthDescriptions = [] } = await paced(
        `describe the targets of ${targetGroupName(group)}`,
        'DescribeTargetHealth',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      return TargetHealthDescriptions.flatMap(receiverIn);
    } catch (error) {
      if (error instanceof Error && GONE.includes(errorName(error.cause))) return [];
      throw error;
    }
  };
  return {
    async page(marker, signal) {
      const command = new sdk.DescribeTargetGroupsCommand({
        PageSize: MAX_GROUPS,
        ...(marker !== undefined && { Marker: marker }),
      });
      const { TargetGroups = [], NextMarker } = await paced(
        `describe the target groups of ${region.name}`,
        'DescribeTargetGroups',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      // Only nodes and their addresses are asked for: neither Lambda functions nor load balancers.
      const ofNodes = TargetGroups.filter(({ TargetType }) => TargetType !== 'lambda' && TargetType !== 'alb');
      const arns = ofNodes.map(({ TargetGroupArn }) => TargetGroupArn).filter((arn) => arn !== undefined);
      return { groups: arns, ...(NextMarker && { next: NextMarker }) };
    },
    async tags(groups, signal) {
      const command = new sdk.DescribeTagsCommand({ ResourceArns: [...groups] });
      const { TagDescriptions = [] } = await paced(
        `describe the tags of ${groups.length} target groups`,
        'DescribeTags',
        (abortSignal) => client.send(command, { abortSignal }),
        signal,
      );
      return TagDescriptions.map(({ ResourceArn = '', Tags = [] }) => ({
        group: ResourceArn,
        tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value])),
      }));
    },
    targets: (group, signal) => health(group, undefined, signal),
    stillTargets: (group, targets, signal) => health(group, targets, signal),
  };
}

/**
 * A target that may still receive requests. Whatever is not `unused` may: a draining one has requests on their way, and one that is
 * unhealthy keeps its connections. `unused`: not registered, or in no load balancer, or stopped.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
 */
function receiverIn({ Target, TargetHealth }: TargetHealthDescription): readonly RegisteredTarget[] {
  const { Id: id, Port: port, AvailabilityZone: zone, QuicServerId: quicServerId } = Target ?? {};
  const state = TargetHealth?.State;
  if (id === undefined || state === 'unused') return [];
  return [
    {
      id,
      ...(port !== undefined && { port }),
      ...(zone !== undefined && { zone }),
      ...(quicServerId !== undefined && { quicServerId }),
      draining: state === 'draining' || state === 'unhealthy.draining',
    },
  ];
}

/** As it was described: without its port it would be another target. */
function descriptionOf({ id, port, zone, quicServerId }: RegisteredTarget): TargetDescription {
  return { Id: id, Port: port, AvailabilityZone: zone, QuicServerId: quicServerId };
}
