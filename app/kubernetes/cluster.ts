import * as v from 'valibot';
import type { Budget } from '../drain/budget.ts';
import type { BudgetSelection, DrainCluster } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import type { Report } from '../events.ts';
import type { Clock } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { Cluster } from '../run/ports.ts';
import type { ResolveAccess } from './access.ts';
import { readBudget } from './budgets.ts';
import { KubernetesClient } from './client.ts';
import { deploymentCollection, readDeploymentOf, restartDeployment } from './deployments.ts';
import { setDrainConditions } from './drain-conditions.ts';
import { asDenied, parseResponse } from './errors.ts';
import { EventRecorder } from './events.ts';
import { responderApi } from './eviction-requests.ts';
import { leasesOf } from './leases.ts';
import { type Collection, consistentList, FROM_CACHE, list, listWatch } from './list-watch.ts';
import { cordon, exclude, markOutOfService, restore, taint } from './node-marks.ts';
import { nodeDirectory, observeNode } from './nodes.ts';
import { deletePod, evictPod, type PolicyVersion, readPod } from './pods.ts';
import { readRoom } from './room.ts';
import { boundTargetGroups } from './target-group-bindings.ts';
import { volumesOf } from './volumes.ts';
import { peerNodesOf, readWorkload, replicasOf } from './workloads.ts';

/**
 * Connects to a cluster. Tries once.
 * @param resolveAccess reads the current access from its source; called again when certificates or credentials are refused
 * @param options with `marks`, a cordon is marked as the drainer's, and taken back when the instance returns
 * @throws Denied, ApiError or ApiUnreachable; Failure when the server has no eviction API
 */
export async function connectCluster(
  resolveAccess: ResolveAccess,
  { clock, report, marks = false }: { clock: Clock; report: Report; marks?: boolean },
  signal: AbortSignal,
): Promise<Cluster> {
  const onThrottled = (pauseMs: number) => report({ type: 'throttled', pauseMs });
  const client = new KubernetesClient(await resolveAccess(signal), { clock, resolveAccess, onThrottled });
  try {
    const policyVersion = await discoverPolicyVersion(client, signal);
    return {
      server: client.server,
      policyVersion,
      nodes: nodeDirectory(client),
      cordon: (node, exclude, signal) => cordon(client, node, { exclude, marks }, signal),
      exclude: (node, signal) => exclude(client, node, signal),
      taint: (node, signal) => taint(client, node, signal),
      markOutOfService: (node, signal) => markOutOfService(client, node, signal),
      restore: (node, onlyDrained, signal) => restore(client, node, onlyDrained, signal),
      setDrainConditions: (node, conditions, signal) => setDrainConditions(client, node, conditions, signal),
      podsOf: (node) => drainCluster(client, policyVersion, node, { clock, report, marks }),
      volumesOf: (node) => volumesOf(client, node.name, clock),
      boundTargetGroups: (signal) => boundTargetGroups(client, signal),
      leasesOf: (queue) => leasesOf(client, queue, { clock, report }),
      readRoom: (node, signal) => readRoom(client, node.name, signal),
      eventsOn: (node) => new EventRecorder(client, node, clock),
      requests: client.counts,
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

const ResourceList = v.object({
  resources: v.array(v.object({ name: v.string(), group: v.optional(v.string()), version: v.optional(v.string()) })),
});

/**
 * Discovers the version of the eviction API, which also proves that the API server responds. Budgets are served in the same
 * version: they were added to policy/v1 before evictions, and removed from policy/v1beta1 after them.
 * https://kubernetes.io/docs/reference/using-api/deprecation-guide/#eviction-v122
 */
async function discoverPolicyVersion(client: KubernetesClient, signal: AbortSignal): Promise<PolicyVersion> {
  const core = await client.call({ verb: 'get', path: '/api/v1', signal }).catch((error: unknown) => {
    throw asDenied(error);
  });
  const { resources } = parseResponse('get /api/v1', () => v.parse(ResourceList, core));
  const eviction = resources.find(({ name }) => name === 'pods/eviction');
  if (eviction === undefined) {
    throw new Failure(`${client.server} has no eviction API (pods/eviction)`, {
      advice: 'check that it is the endpoint of a Kubernetes API server',
    });
  }
  return `${eviction.group ?? 'policy'}/${eviction.version ?? 'v1beta1'}`;
}

/** The part of the cluster API that the drain of one node needs. */
function drainCluster(
  client: KubernetesClient,
  policyVersion: PolicyVersion,
  node: NodeRef,
  { clock, report, marks }: { clock: Clock; report: Report; marks: boolean },
): DrainCluster {
  const pods: Collection<Pod> = {
    name: `pods of node ${node.name}`,
    path: `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${node.name}`)}`,
    read: readPod,
  };
  const budgets = ({ namespace, name }: BudgetSelection): Collection<Budget> => ({
    name: name === undefined ? `disruption budgets of namespace ${namespace}` : `budget ${namespace}/${name}`,
    path: `/apis/${policyVersion}/namespaces/${namespace}/poddisruptionbudgets${
      name === undefined ? '' : `?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`
    }`,
    read: (object) => readBudget(object, policyVersion),
  });
  return {
    isSameNode: async (signal) => (await nodeDirectory(client).byName(node.name, signal))?.uid === node.uid,
    // Called after an uncordon: this cordon is the drainer's.
    cordon: (signal) => cordon(client, { ...node, cordoned: false }, { exclude: false, marks }, signal),
    observeNode: (sink, signal) => observeNode(client, node, sink, { clock, report, signal }),
    observePods: (sink, signal) => listWatch(client, pods, undefined, sink, { clock, report, signal }),
    readPods: consistentList(client, pods, '/api/v1/pods', clock),
    readBudgets: (namespace, signal) => list(client, budgets({ namespace }), undefined, signal),
    observeBudgets: (which, from, sink, signal) =>
      listWatch(client, budgets(which), from, sink, { clock, report, signal }),
    readWorkload: (pod, signal) => readWorkload(client, pod, signal),
    // A Deployment may have thousands of pods; while pods wait, the watch makes up for what the cache lacks.
    readReplicas: (workload, signal) => list(client, replicasOf(workload, node.name), FROM_CACHE, signal),
    observeReplicas: (workload, from, sink, signal) =>
      listWatch(client, replicasOf(workload, node.name), from, sink, { clock, report, signal }),
    readDeployment: (pod, signal) => readDeploymentOf(client, pod, signal),
    restartDeployment: (deployment, at, signal) => restartDeployment(client, deployment, at, signal),
    observeDeployment: (from, sink, signal) =>
      listWatch(client, deploymentCollection(from), { items: [from], resourceVersion: from.resourceVersion }, sink, {
        clock,
        report,
        signal,
      }),
    observePeerNodes: (sink, signal) =>
      listWatch(client, peerNodesOf(node.name), undefined, sink, { clock, report, signal }),
    responders: responderApi(client, { clock, report }),
    evict: (pod, signal) => evictPod(client, policyVersion, pod, signal),
    delete: (pod, signal) => deletePod(client, pod, signal),
  };
}
