import { Failure } from '../lib/errors.ts';

/** A node that may be the instance's. */
export type NodeRef = {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly providerID: string;
  /** Does its kubelet report that it is well? */
  readonly ready: boolean;
  readonly cordoned: boolean;
};

/** How nodes are looked up. `undefined` and empty lists are the API's answer "there is none"; a failure rejects. */
export type NodeDirectory = {
  byName(name: string, signal: AbortSignal): Promise<NodeRef | undefined>;
  byLabel(key: string, value: string, signal: AbortSignal): Promise<readonly NodeRef[]>;
  all(signal: AbortSignal): AsyncIterable<readonly NodeRef[]>;
};

export type FoundNode = { readonly node: NodeRef; readonly by: 'private DNS name' | 'eksctl label' | 'provider ID' };

/** eksctl puts it on the nodes of its node groups. https://eksctl.io/usage/nodegroup-unmanaged/ */
const INSTANCE_LABEL = 'alpha.eksctl.io/instance-id';

/**
 * The node that runs on the instance, or undefined when the cluster has none. The cheapest way comes first: one read
 * of the node that bears the instance's private DNS name, then a label, then all nodes, page by page.
 *
 * @param privateDnsName what EC2 calls the instance; undefined when EC2 does not know it
 * @throws Failure when two nodes claim to be the instance; whatever the directory rejects with
 */
export async function findNode(
  directory: NodeDirectory,
  instanceId: string,
  privateDnsName: string | undefined,
  signal: AbortSignal,
): Promise<FoundNode | undefined> {
  if (privateDnsName !== undefined) {
    const node = await directory.byName(privateDnsName, signal);
    if (node !== undefined && canBe(node, instanceId)) return { node, by: 'private DNS name' };
  }
  const labelled = (await directory.byLabel(INSTANCE_LABEL, instanceId, signal)).filter((node) =>
    canBe(node, instanceId),
  );
  const byLabel = only(labelled, instanceId);
  if (byLabel !== undefined) return { node: byLabel, by: 'eksctl label' };

  const named: NodeRef[] = [];
  for await (const page of directory.all(signal)) {
    named.push(...page.filter(({ providerID }) => providerID.endsWith(`/${instanceId}`)));
  }
  const byProvider = only(named, instanceId);
  return byProvider && { node: byProvider, by: 'provider ID' };
}

/**
 * Can this node be the instance? A provider ID of AWS (`aws:///eu-west-1a/i-0123…`) that names another one proves that it
 * is not: private DNS names are used again within minutes. Other providers' IDs (kind's) prove nothing.
 */
export function canBe({ providerID }: NodeRef, instanceId: string): boolean {
  return !providerID.startsWith('aws://') || providerID.endsWith(`/${instanceId}`);
}

function only(nodes: readonly NodeRef[], instanceId: string): NodeRef | undefined {
  if (nodes.length < 2) return nodes[0];
  throw new Failure(`${nodes.length} nodes claim to be ${instanceId}: ${nodes.map(({ name }) => name).join(', ')}`, {
    advice: 'remove the label or the node that is wrong; nothing was touched',
  });
}
