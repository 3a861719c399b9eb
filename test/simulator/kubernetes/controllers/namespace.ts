import type { Cluster } from '../model/cluster.ts';
import { tablesOf } from '../model/cluster.ts';
import type { Namespace } from '../model/objects.ts';
import { deleteObject } from '../registry/deletion.ts';
import { WorkQueue } from './queue.ts';

/** The controller looks at a namespace this long after it was told to go (5 s in a real cluster). */
const DELETION_GRACE_MS = 500;

/** Empties namespaces that are Terminating, and lets them go when nothing is left in them. */
export function runNamespaces(cluster: Cluster): void {
  const { namespaces } = cluster.tables;
  const emptied = new Set<string>();
  const queue = new WorkQueue(cluster, (name) => {
    const found = namespaces.get(undefined, name);
    if (found?.status.phase === 'Terminating') empty(cluster, found, emptied);
  });
  namespaces.subscribe(({ object, type, previous }) => {
    const { name, uid } = object.metadata;
    if (type === 'DELETED') emptied.delete(uid);
    else if (object.status.phase === 'Terminating' && previous?.status.phase !== 'Terminating')
      queue.addAfter(name, DELETION_GRACE_MS);
  });
  for (const table of tablesOf(cluster)) {
    table.subscribe(({ type, object }) => {
      const namespace = namespaces.get(undefined, object.metadata.namespace ?? '');
      if (type === 'DELETED' && namespace !== undefined && emptied.has(namespace.metadata.uid))
        queue.add(namespace.metadata.name);
    });
  }
}

function empty(cluster: Cluster, { metadata }: Namespace, emptied: Set<string>): void {
  const content = tablesOf(cluster)
    .filter(({ resource }) => resource.namespaced)
    .flatMap((table) => table.by('namespace', metadata.name).map((object) => ({ table, object })));
  if (!emptied.has(metadata.uid)) {
    emptied.add(metadata.uid);
    for (const { table, object } of content)
      if (object.metadata.deletionTimestamp === undefined)
        deleteObject(cluster, table, metadata.name, object.metadata.name);
  }
  const { namespaces } = cluster.tables;
  const left = tablesOf(cluster).some(
    (table) => table.resource.namespaced && table.by('namespace', metadata.name).length > 0,
  );
  const current = namespaces.get(undefined, metadata.name);
  if (left || current === undefined) return;
  // Taking off the finalizer `kubernetes` is a write of its own, which watchers see.
  namespaces.remove(namespaces.write({ ...current, spec: { ...current.spec, finalizers: [] } }));
}
