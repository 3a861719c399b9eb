import * as v from 'valibot';
import type { KubernetesClient } from './client.ts';
import { asDenied, parseResponse } from './errors.ts';
import { listPages } from './list-watch.ts';

/** https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v2.13.0/apis/elbv2/v1beta1/targetgroupbinding_types.go */
const GROUP = 'elbv2.k8s.aws';
const VERSION = 'v1beta1';
const PAGE_SIZE = 500;

const GroupList = v.object({
  groups: v.array(v.object({ name: v.string(), versions: v.array(v.object({ version: v.string() })) })),
});

const Binding = v.object({ spec: v.object({ targetGroupARN: v.optional(v.string(), '') }) });

/**
 * The ARNs of the target groups to which the AWS Load Balancer Controller binds Services of the cluster, whoever created them; none
 * when its API is not installed. Discovery says whether it is: for a path that does not exist, an API server answers a plain 404, as
 * every proxy on the way can.
 *
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function boundTargetGroups(client: KubernetesClient, signal: AbortSignal): Promise<readonly string[]> {
  const discovered = await client.call({ verb: 'get', path: '/apis', signal }).catch((error: unknown) => {
    throw asDenied(error);
  });
  const { groups } = parseResponse('get /apis', () => v.parse(GroupList, discovered));
  const versions = groups.find(({ name }) => name === GROUP)?.versions ?? [];
  if (!versions.some(({ version }) => version === VERSION)) return [];
  const path = `/apis/${GROUP}/${VERSION}/targetgroupbindings`;
  const read = (item: unknown) => v.parse(Binding, item).spec.targetGroupARN;
  const arns = new Set<string>();
  for await (const page of listPages(client, path, PAGE_SIZE, read, signal)) for (const arn of page) arns.add(arn);
  // One by name only has no ARN until its controller has looked it up.
  arns.delete('');
  return [...arns];
}
