import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../model/cluster.ts';
import type { Deployment, ReplicaSet } from '../model/objects.ts';
import { toJson } from '../model/shape.ts';
import { ApiError } from '../model/status.ts';
import { keyOf } from '../model/table.ts';
import { createObject } from '../registry/creation.ts';
import { controllerOf, isTerminating, ownerReference } from './pods-of.ts';
import { WorkQueue } from './queue.ts';

/** Keeps one ReplicaSet per template; an older template's set is scaled down at once (the strategy Recreate). */
export function runDeployments(cluster: Cluster): void {
  const { deployments, replicasets } = cluster.tables;
  const queue = new WorkQueue(cluster, (key) => {
    const [namespace, name = ''] = key.split('/');
    const found = deployments.get(namespace, name);
    if (found !== undefined && !isTerminating(found)) reconcile(cluster, found);
  });
  deployments.subscribe(({ object }) => queue.add(keyOf(object.metadata.namespace, object.metadata.name)));
  replicasets.subscribe(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === 'Deployment') queue.add(keyOf(object.metadata.namespace, owner.name));
  });
}

function reconcile(cluster: Cluster, deployment: Deployment): void {
  const { replicasets, deployments } = cluster.tables;
  const { uid } = deployment.metadata;
  const hash = createHash('sha256').update(JSON.stringify(deployment.spec.template)).digest('hex').slice(0, 9);
  const name = `${deployment.metadata.name}-${hash}`;
  for (const set of replicasets.by('owner', uid)) {
    const replicas = set.metadata.name === name ? (deployment.spec.replicas ?? 1) : 0;
    if (set.spec.replicas !== replicas) scale(cluster, set, replicas);
  }
  if (replicasets.get(deployment.metadata.namespace, name) === undefined) createSet(cluster, deployment, name, hash);
  const sets = replicasets.by('owner', uid);
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((total, set) => total + (count(set) ?? 0), 0);
  const updated = sum((set) => (set.metadata.name === name ? set.status.replicas : 0));
  const ready = sum((set) => set.status.readyReplicas);
  const status = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum((set) => set.status.replicas),
    ...(ready === 0 ? {} : { readyReplicas: ready, availableReplicas: ready }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
  };
  if (!isDeepStrictEqual(status, deployment.status)) deployments.write({ ...deployment, status });
}

function scale(cluster: Cluster, set: ReplicaSet, replicas: number): void {
  const metadata = { ...set.metadata, generation: (set.metadata.generation ?? 0) + 1 };
  cluster.tables.replicasets.write({ ...set, metadata, spec: { ...set.spec, replicas } });
}

function createSet(cluster: Cluster, deployment: Deployment, name: string, hash: string): void {
  const { template, selector, replicas } = deployment.spec;
  const label = { 'pod-template-hash': hash };
  const labels = { ...template.metadata?.labels, ...label };
  const body = toJson({
    metadata: { name, labels, ownerReferences: [ownerReference(deployment)] },
    spec: {
      replicas: replicas ?? 1,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...label } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  });
  try {
    createObject(cluster, cluster.tables.replicasets, deployment.metadata.namespace, body);
  } catch (error) {
    // A namespace that is going takes no new ReplicaSet.
    if (!(error instanceof ApiError)) throw error;
  }
}
