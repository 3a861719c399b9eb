import * as v from 'valibot';
import type { Clock } from '../clock.ts';
import type { Budget } from '../drain/budget.ts';
import type { DrainCluster } from '../drain/cluster.ts';
import type { Pod } from '../drain/pod.ts';
import { Failure } from '../failure.ts';
import type { Candidate } from '../find-node.ts';
import type { Report } from '../report/event.ts';
import type { Api } from './api.ts';
import { readBudget } from './budget-schema.ts';
import { evict, type PolicyVersion, remove } from './eviction.ts';
import { cordon, nodeDirectory, observeNode } from './nodes.ts';
import { readPod } from './pod-schema.ts';
import { type Collection, list, reflect } from './reflector.ts';
import { deniedOr, readable } from './status.ts';

const Resources = v.object({
  resources: v.array(v.object({ name: v.string(), group: v.optional(v.string()), version: v.optional(v.string()) })),
});

/**
 * Asks the cluster which policy API it speaks, which also tells that it is there. Budgets came to policy/v1 before evictions
 * did, and left policy/v1beta1 after them: what evictions speak, budgets speak too.
 * https://kubernetes.io/docs/reference/using-api/deprecation-guide/#eviction-v122
 */
export async function discover(api: Api, signal: AbortSignal): Promise<PolicyVersion> {
  const core = await api.call({ verb: 'get', path: '/api/v1', signal }).catch((error: unknown) => {
    throw deniedOr(error);
  });
  const { resources } = readable('get /api/v1', () => v.parse(Resources, core));
  const eviction = resources.find(({ name }) => name === 'pods/eviction');
  if (eviction === undefined) {
    throw new Failure(`${api.server} has no eviction API (pods/eviction)`, {
      advice: 'is it a Kubernetes API server?',
    });
  }
  return `${eviction.group ?? 'policy'}/${eviction.version ?? 'v1beta1'}`;
}

/** What a drain asks of the cluster, for one node, over the API. */
export function drainCluster(
  api: Api,
  version: PolicyVersion,
  node: Candidate,
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
    observePods: (sink, signal) => reflect(api, pods, undefined, sink, { clock, report, signal }),
    readPods: async (signal) => (await list(api, pods, undefined, signal)).items,
    readBudgets: (namespace, signal) => list(api, budgets(namespace), undefined, signal),
    observeBudgets: (namespace, from, sink, signal) =>
      reflect(api, budgets(namespace), from, sink, { clock, report, signal }),
    evict: (pod, signal) => evict(api, version, pod, signal),
    remove: (pod, signal) => remove(api, pod, signal),
  };
}
