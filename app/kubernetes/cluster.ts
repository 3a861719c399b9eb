import * as v from 'valibot';
import type { Budget } from '../drain/budget.ts';
import type { DrainCluster } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import type { Report } from '../events.ts';
import type { Clock } from '../lib/clock.ts';
import { Failure } from '../lib/errors.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { Cluster } from '../run/ports.ts';
import type { ResolveAccess } from './access.ts';
import { readBudget } from './budgets.ts';
import { KubernetesClient } from './client.ts';
import { asDenied, parseResponse } from './errors.ts';
import { EventRecorder } from './events.ts';
import { type Collection, list, listWatch } from './list-watch.ts';
import { cordon, nodeDirectory, observeNode, taint } from './nodes.ts';
import { deletePod, evictPod, type PolicyVersion, readPod } from './pods.ts';
import { volumesOf } from './volumes.ts';

const Resources = v.object({
  resources: v.array(v.object({ name: v.string(), group: v.optional(v.string()), version: v.optional(v.string()) })),
});

/**
 * Connects to a cluster: asks it once which policy API it speaks.
 * @param resolveAccess says how the cluster is reached now; called again when certificates or credentials are refused
 * @throws Denied, ApiError or ApiUnreachable
 */
export async function connectCluster(
  resolveAccess: ResolveAccess,
  { clock, report }: { clock: Clock; report: Report },
  signal: AbortSignal,
): Promise<Cluster> {
  const throttled = (pauseMs: number) => report({ type: 'throttled', pauseMs });
  const client = new KubernetesClient(await resolveAccess(signal), { clock, resolveAccess, throttled });
  try {
    const version = await discover(client, signal);
    return {
      server: client.server,
      policyVersion: version,
      nodes: nodeDirectory(client),
      cordon: (node, exclude, signal) => cordon(client, node, exclude, signal),
      taint: (node, signal) => taint(client, node, signal),
      podsOf: (node) => drainCluster(client, version, node, { clock, report }),
      volumesOf: (node) => volumesOf(client, node.name),
      eventsOn: (node) => new EventRecorder(client, node, clock),
      requests: client.counts,
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/**
 * Asks the cluster which policy API it speaks, which also tells that it is there. Budgets came to policy/v1 before evictions
 * did, and left policy/v1beta1 after them: what evictions speak, budgets speak too.
 * https://kubernetes.io/docs/reference/using-api/deprecation-guide/#eviction-v122
 */
async function discover(api: KubernetesClient, signal: AbortSignal): Promise<PolicyVersion> {
  const core = await api.call({ verb: 'get', path: '/api/v1', signal }).catch((error: unknown) => {
    throw asDenied(error);
  });
  const { resources } = parseResponse('get /api/v1', () => v.parse(Resources, core));
  const eviction = resources.find(({ name }) => name === 'pods/eviction');
  if (eviction === undefined) {
    throw new Failure(`${api.server} has no eviction API (pods/eviction)`, {
      advice: 'is it a Kubernetes API server?',
    });
  }
  return `${eviction.group ?? 'policy'}/${eviction.version ?? 'v1beta1'}`;
}

/** What a drain needs of the cluster, for one node. */
function drainCluster(
  api: KubernetesClient,
  version: PolicyVersion,
  node: NodeRef,
  { clock, report }: { clock: Clock; report: Report },
): DrainCluster {
  const pods: Collection<Pod> = {
    name: `the pods of ${node.name}`,
    path: `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${node.name}`)}`,
    read: readPod,
  };
  const budgets = (namespace: string): Collection<Budget> => ({
    name: `the disruption budgets of ${namespace}`,
    path: `/apis/${version}/namespaces/${namespace}/poddisruptionbudgets`,
    read: (object) => readBudget(object, version),
  });
  return {
    isSameNode: async (signal) => (await nodeDirectory(api).byName(node.name, signal))?.uid === node.uid,
    cordon: (signal) => cordon(api, node, false, signal),
    observeNode: (sink, signal) => observeNode(api, node, sink, { clock, report, signal }),
    observePods: (sink, signal) => listWatch(api, pods, undefined, sink, { clock, report, signal }),
    readPods: async (signal) => (await list(api, pods, undefined, signal)).items,
    readBudgets: (namespace, signal) => list(api, budgets(namespace), undefined, signal),
    observeBudgets: (namespace, from, sink, signal) =>
      listWatch(api, budgets(namespace), from, sink, { clock, report, signal }),
    evict: (pod, signal) => evictPod(api, version, pod, signal),
    delete: (pod, signal) => deletePod(api, pod, signal),
  };
}
