import { type Cluster, tablesOf } from '../model/cluster.ts';
import type { KubernetesObject } from '../model/metadata.ts';
import type { AnyTable } from '../model/table.ts';
import { deleteObject } from '../registry/deletion.ts';
import { WorkQueue } from './queue.ts';

/**
 * The garbage collector: what nobody owns any more goes, and owners that wait for their dependents are let go.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
export function runGarbageCollector(cluster: Cluster): void {
  const queue = new WorkQueue(cluster, (uid) => collect(cluster, uid));
  for (const table of tablesOf(cluster)) {
    table.subscribe(({ type, object }) => {
      const { uid, finalizers = [], ownerReferences = [], deletionTimestamp } = object.metadata;
      const waits = finalizers.includes('orphan') || finalizers.includes('foregroundDeletion');
      if (type === 'DELETED' || (deletionTimestamp !== undefined && waits)) queue.add(uid);
      // A dependent that is gone may be what its owner waits for; one that comes may have an owner that is gone.
      if (type !== 'MODIFIED') for (const owner of ownerReferences) queue.add(owner.uid);
    });
  }
}

type Found = { table: AnyTable; object: KubernetesObject };

function found(cluster: Cluster, uid: string): Found | undefined {
  return tablesOf(cluster)
    .flatMap((table) => table.by('uid', uid).map((object) => ({ table, object })))
    .at(0);
}

function dependentsOf(cluster: Cluster, uid: string): Found[] {
  return tablesOf(cluster).flatMap((table) => table.by('owner', uid).map((object) => ({ table, object })));
}

function collect(cluster: Cluster, uid: string): void {
  const dependents = dependentsOf(cluster, uid);
  const owner = found(cluster, uid);
  if (owner === undefined) {
    for (const dependent of dependents) dropOwner(cluster, dependent, uid);
    return;
  }
  const { finalizers = [], deletionTimestamp } = owner.object.metadata;
  if (deletionTimestamp === undefined) return;
  if (finalizers.includes('orphan')) {
    for (const { table, object } of dependents) table.write(withoutOwner(object, uid));
    release(owner, 'orphan');
  } else if (finalizers.includes('foregroundDeletion')) {
    if (dependents.length === 0) release(owner, 'foregroundDeletion');
    for (const { table, object } of dependents)
      if (object.metadata.deletionTimestamp === undefined)
        deleteObject(cluster, table, object.metadata.namespace, object.metadata.name);
  }
}

/** Deletes a dependent whose last owner is gone; one with other owners only loses the reference. */
function dropOwner(cluster: Cluster, { table, object }: Found, uid: string): void {
  const others = (object.metadata.ownerReferences ?? []).filter((each) => each.uid !== uid);
  if (others.length > 0) table.write(withoutOwner(object, uid));
  else if (object.metadata.deletionTimestamp === undefined)
    deleteObject(cluster, table, object.metadata.namespace, object.metadata.name);
}

function withoutOwner(object: KubernetesObject, uid: string): KubernetesObject {
  const { ownerReferences = [], ...metadata } = object.metadata;
  const others = ownerReferences.filter((each) => each.uid !== uid);
  return { ...object, metadata: { ...metadata, ...(others.length === 0 ? {} : { ownerReferences: others }) } };
}

function release({ table, object }: Found, finalizer: string): void {
  const { finalizers = [], ...metadata } = object.metadata;
  const others = finalizers.filter((each) => each !== finalizer && each !== 'orphan' && each !== 'foregroundDeletion');
  if (others.length > 0) table.write({ ...object, metadata: { ...metadata, finalizers: others } });
  else table.remove(object);
}
