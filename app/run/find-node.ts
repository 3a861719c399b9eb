import type { ReadyStatus } from '../drain/cluster.ts';
import { Failure } from '../lib/errors.ts';
import type { DrainCondition } from './condition-types.ts';
import type { InstanceInfo } from './instance.ts';

/** A node that may be the instance's. */
export type NodeRef = {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly providerID: string;
  /** The value of the label that eksctl puts on its nodes. */
  readonly instanceLabel: string | undefined;
  /** The availability zone, as its label says. */
  readonly zone?: string;
  readonly internalIPs: readonly string[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly ready: ReadyStatus;
  readonly cordoned: boolean;
  /** Is it excluded from external load balancers, by whomever? */
  readonly excluded: boolean;
  /** `status.volumesInUse`: what its kubelet has mounted. */
  readonly volumesInUse: readonly string[];
  /** Absent: none. */
  readonly drainConditions?: readonly DrainCondition[];
};

/** How nodes are looked up. `undefined` and empty lists are the API's answer "there is none"; a failure rejects. */
export type NodeDirectory = {
  byName(name: string, signal: AbortSignal): Promise<NodeRef | undefined>;
  byLabel(key: string, value: string, signal: AbortSignal): Promise<readonly NodeRef[]>;
  all(signal: AbortSignal): AsyncIterable<readonly NodeRef[]>;
};

export type FoundNode = {
  readonly node: NodeRef;
  readonly by: 'private DNS name' | 'eksctl label' | 'provider ID' | 'internal IP';
};

/** eksctl puts it on the nodes of its node groups. https://eksctl.io/usage/nodegroup-unmanaged/ */
export const INSTANCE_LABEL = 'alpha.eksctl.io/instance-id';

/** A node that registers with a clock of its own may look a little older than its machine. */
const CLOCK_SKEW_MS = 120_000;

/**
 * The node that runs on the instance, or undefined when the cluster has none. The cheapest way comes first: one read
 * of the node that has the instance's private DNS name, then a label, then all nodes, page by page.
 *
 * @param instance what EC2 says; undefined when EC2 does not know the instance, or could not be asked
 * @param unproven what to do with a node that has the instance's name, and nothing that proves it to be the instance
 * @throws Failure for such a node with `refuse`, or when it cannot be the instance; whatever the directory rejects with
 */
export async function findNode(
  directory: NodeDirectory,
  instanceId: string,
  instance: InstanceInfo | undefined,
  unproven: 'refuse' | 'accept',
  signal: AbortSignal,
): Promise<FoundNode | undefined> {
  const name = instance?.privateDnsName;
  const namesake = name === undefined ? undefined : await directory.byName(name, signal);
  if (namesake !== undefined && isProven(namesake, instanceId) && isAlive(namesake)) {
    return { node: namesake, by: 'private DNS name' };
  }

  const labelled = await directory.byLabel(INSTANCE_LABEL, instanceId, signal);
  const byLabel = best(labelled.filter((node) => isProven(node, instanceId)));
  if (byLabel !== undefined && isAlive(byLabel)) return { node: byLabel, by: 'eksctl label' };

  // A node whose kubelet is dead may be what is left of one that the same machine has registered under another name.
  const candidates: NodeRef[] = [];
  const neighbours: NodeRef[] = [];
  for await (const page of directory.all(signal)) {
    candidates.push(...page.filter((node) => isProven(node, instanceId)));
    neighbours.push(...page.filter((node) => sharesAddress(node, instance) && !isOtherInstance(node, instanceId)));
  }
  const byProvider = best(candidates);
  if (byProvider !== undefined) {
    return { node: byProvider, by: instanceOf(byProvider.providerID) === instanceId ? 'provider ID' : 'eksctl label' };
  }

  const suspects = [namesake, ...neighbours].filter((node) => node !== undefined && !isOtherInstance(node, instanceId));
  const [suspect] = suspects;
  if (suspect === undefined) return undefined;
  if (unproven === 'refuse') throw unprovenFailure(suspect, instanceId);
  const accepted = suspects.find((node) => node !== undefined && mayRunOn(node, instance));
  if (accepted === undefined) throw notTheInstance(suspect, instanceId);
  return { node: accepted, by: 'internal IP' };
}

/**
 * Is this node proven to be the instance? By a provider ID that ends in the instance ID (`aws:///eu-west-1a/i-0123…`, or bare
 * `i-0123…`), or by eksctl's label. Private DNS names and addresses prove nothing: they are used again within minutes.
 * https://github.com/kubernetes/cloud-provider-aws/blob/master/pkg/providers/v1/instances.go (KubernetesInstanceID)
 */
export function isProven(node: NodeRef, instanceId: string): boolean {
  if (isOtherInstance(node, instanceId)) return false;
  return instanceOf(node.providerID) === instanceId || node.instanceLabel === instanceId;
}

/** Names the provider ID another instance, or, where it names none, the label? */
function isOtherInstance({ providerID, instanceLabel }: NodeRef, instanceId: string): boolean {
  const named = instanceOf(providerID) ?? instanceLabel;
  return named !== undefined && named !== instanceId;
}

/** The instance that a provider ID names; undefined for an empty one, and those of k3s, rke2, kind and others. */
function instanceOf(providerID: string): string | undefined {
  return /^(?:aws:\/\/.*\/)?(i-[0-9a-f]+)$/.exec(providerID)?.[1];
}

function sharesAddress({ internalIPs }: NodeRef, instance: InstanceInfo | undefined): boolean {
  return internalIPs.some((ip) => instance?.privateIPs.includes(ip));
}

/** Without a proof: it has the instance's address, and did not register before the instance was launched. */
function mayRunOn(node: NodeRef, instance: InstanceInfo | undefined): boolean {
  if (instance?.launchedAt === undefined) return false;
  return sharesAddress(node, instance) && node.createdAt >= instance.launchedAt - CLOCK_SKEW_MS;
}

/** Of several nodes that are all proven to be the instance: the one whose kubelet is alive, or else the newest. */
function best(nodes: readonly NodeRef[]): NodeRef | undefined {
  return [...nodes].sort((a, b) => Number(isAlive(b)) - Number(isAlive(a)) || b.createdAt - a.createdAt)[0];
}

function isAlive({ ready }: NodeRef): boolean {
  return ready !== 'Unknown';
}

function unprovenFailure({ name, providerID }: NodeRef, instanceId: string): Failure {
  const id = providerID === '' ? 'it has no provider ID' : `its provider ID is ${providerID}`;
  return new Failure(
    `node ${name} has the name or address of ${instanceId}, but nothing proves that it runs there: ${id}`,
    {
      advice: `run the kubelet with --provider-id=aws:///ZONE/INSTANCE_ID, label the node ${INSTANCE_LABEL}=${instanceId}, or set UNPROVEN_NODE=accept to go by its internal IP and age`,
    },
  );
}

function notTheInstance({ name }: NodeRef, instanceId: string): Failure {
  return new Failure(
    `node ${name} is not ${instanceId}: its internal IP is another, or it is older than the instance`,
    {
      advice: 'check which node of the cluster runs on the instance; nothing was touched',
    },
  );
}
