import { type Cluster, timestamp } from '../model/cluster.ts';
import type { KubernetesObject } from '../model/metadata.ts';
import { namespace as isNamespace, pod as isPod, type Namespace } from '../model/objects.ts';
import { conflict, forbidden, notFound } from '../model/status.ts';
import type { AnyTable } from '../model/table.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/delete-options/ */
export type DeleteOptions = {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: string;
  orphanDependents?: boolean;
  dryRun?: boolean;
};

type Deletion = { object: KubernetesObject; gone: boolean };

/**
 * Deletes an object as the generic registry does: at once, or gracefully (pods), or when its last finalizer is removed.
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go
 *
 * @param admit asks the admission webhooks. Evictions delete without them; a deletion that changes nothing is not shown to them
 */
export function deleteObject(
  cluster: Cluster,
  table: AnyTable,
  namespace: string | undefined,
  name: string,
  options: DeleteOptions = {},
  admit: (object: KubernetesObject) => void = () => undefined,
): Deletion {
  const object = table.get(namespace, name);
  if (object === undefined) throw notFound(table.resource, name);
  checkPreconditions(table, object, options);
  if (isNamespace(object) && table.resource.name === 'namespaces') return deleteNamespace(cluster, object, options);
  const { metadata } = object;
  const finalizers = finalizersFor(object, options);
  const grace = isPod(object) && table.resource.name === 'pods' ? graceOf(cluster, object, options) : undefined;
  if (metadata.deletionTimestamp !== undefined) return deleteAgain(table, object, grace, options, admit);
  admit(object);
  if (grace === undefined && finalizers.length === 0) return removed(table, object, options);
  const seconds = grace ?? 0;
  const { generation } = metadata;
  const marked = {
    ...object,
    metadata: {
      ...metadata,
      deletionTimestamp: timestamp(Date.now() + seconds * 1000),
      deletionGracePeriodSeconds: seconds,
      ...(finalizers.length === 0 ? {} : { finalizers }),
      ...(generation === undefined ? {} : { generation: generation + 1 }),
    },
  };
  if (options.dryRun === true) return { object: marked, gone: false };
  const written = table.write(marked);
  // Without grace and finalizers a pod still passes through this state: watchers see it MODIFIED, then DELETED.
  return seconds <= 0 && finalizers.length === 0 ? removed(table, written, options) : { object: written, gone: false };
}

function checkPreconditions(table: AnyTable, object: KubernetesObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = object;
  // The registry names the kind, not the resource, in these two conflicts.
  const kind = { group: table.resource.group, name: table.resource.kind };
  if (uid !== undefined && uid !== metadata.uid)
    throw conflict(
      kind,
      metadata.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      kind,
      metadata.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
}

/** podStrategy.CheckGracefulDelete: https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/strategy.go */
function graceOf(
  cluster: Cluster,
  pod: { spec: { nodeName?: string; terminationGracePeriodSeconds?: number }; status: { phase?: string } },
  options: DeleteOptions,
): number {
  if (pod.spec.nodeName === undefined || pod.spec.nodeName === '') return 0;
  if (pod.status.phase === 'Failed' || pod.status.phase === 'Succeeded') return 0;
  const seconds = options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  // Since 1.22, a negative grace period is one second; before, it has expired already.
  return seconds < 0 && cluster.version !== 'v1.20' ? 1 : seconds;
}

/** Deletes a terminating object again: only a shorter grace period changes it. */
function deleteAgain(
  table: AnyTable,
  object: KubernetesObject,
  grace: number | undefined,
  options: DeleteOptions,
  admit: (object: KubernetesObject) => void,
): Deletion {
  const { metadata } = object;
  const before = metadata.deletionGracePeriodSeconds;
  const held = (metadata.finalizers ?? []).length > 0;
  if (grace === undefined || before === undefined)
    return held ? { object, gone: false } : removed(table, object, options);
  if (options.gracePeriodSeconds === undefined || options.gracePeriodSeconds >= before) return { object, gone: false };
  admit(object);
  const shorter = {
    ...object,
    metadata: {
      ...metadata,
      deletionTimestamp: timestamp(
        Date.parse(metadata.deletionTimestamp ?? '') + (options.gracePeriodSeconds - before) * 1000,
      ),
      deletionGracePeriodSeconds: options.gracePeriodSeconds,
    },
  };
  if (options.dryRun === true) return { object: shorter, gone: false };
  const written = table.write(shorter);
  return options.gracePeriodSeconds === 0 && !held
    ? removed(table, written, options)
    : { object: written, gone: false };
}

function removed(table: AnyTable, object: KubernetesObject, options: DeleteOptions): Deletion {
  if (options.dryRun !== true) table.remove(object);
  return { object, gone: true };
}

/** deletionFinalizersForGarbageCollection: the policy becomes a finalizer, which the garbage collector removes. */
function finalizersFor({ metadata }: KubernetesObject, options: DeleteOptions): string[] {
  const others = (metadata.finalizers ?? []).filter((each) => each !== 'orphan' && each !== 'foregroundDeletion');
  const orphan = options.propagationPolicy === 'Orphan' || options.orphanDependents === true;
  if (orphan) return [...others, 'orphan'];
  return options.propagationPolicy === 'Foreground' ? [...others, 'foregroundDeletion'] : others;
}

/** A namespace is first marked Terminating; its controller empties it, then removes the finalizer `kubernetes`. */
function deleteNamespace(cluster: Cluster, object: Namespace, options: DeleteOptions): Deletion {
  const table = cluster.tables.namespaces;
  const { name } = object.metadata;
  if (['default', 'kube-public', 'kube-system'].includes(name))
    throw forbidden(table.resource, name, 'this namespace may not be deleted');
  if (object.metadata.deletionTimestamp !== undefined) {
    const empty = (object.spec.finalizers ?? []).length === 0 && (object.metadata.finalizers ?? []).length === 0;
    return empty ? removed(table, object, options) : { object, gone: false };
  }
  const terminating = {
    ...object,
    metadata: { ...object.metadata, deletionTimestamp: timestamp() },
    status: { ...object.status, phase: 'Terminating' },
  };
  return { object: options.dryRun === true ? terminating : table.write(terminating), gone: false };
}
