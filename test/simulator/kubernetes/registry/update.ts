import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../model/cluster.ts';
import { type KubernetesObject, requestMeta } from '../model/metadata.ts';
import { isResourceName } from '../model/resource.ts';
import { type Json, type JsonObject, toJson } from '../model/shape.ts';
import { badRequest, conflict, invalid, modified, notFound } from '../model/status.ts';
import type { AnyTable } from '../model/table.ts';
import { decode, notHandled, type WriteOptions } from './creation.ts';
import { part, withDefaults } from './defaults.ts';
import { validate, validateUpdate } from './validation.ts';

export type UpdateOptions = WriteOptions & { subresource?: string | undefined; patch?: boolean };

/**
 * Replaces an object as the generic registry does: optimistic concurrency, fields that the strategy keeps, validation, the write, and
 * the deletion after the last finalizer.
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go
 */
export function updateObject(
  cluster: Cluster,
  table: AnyTable,
  namespace: string | undefined,
  name: string,
  change: (current: JsonObject) => Json,
  options: UpdateOptions = {},
): KubernetesObject {
  const { resource } = table;
  if (!isResourceName(resource.name, cluster.resources)) throw new TypeError(`no such resource: ${resource.name}`);
  const current = table.get(namespace, name);
  if (current === undefined) throw notFound(resource, name);
  const before = toJson(current);
  const wanted = withDefaults(resource.name, decode(table, change(before)));
  const meta = part(wanted, 'metadata');
  if (!requestMeta(meta)) throw notHandled(resource, 'v1.ObjectMeta');
  const { name: givenName = '', resourceVersion = '', uid = current.metadata.uid } = meta;
  if (givenName !== '' && givenName !== name)
    throw badRequest(`the name of the object (${givenName}) does not match the name on the URL (${name})`);
  if (resourceVersion !== '' && resourceVersion !== current.metadata.resourceVersion) throw modified(resource, name);
  if (uid !== current.metadata.uid && options.patch !== true) throw uidConflict(table, current, uid);
  const kept = keptByStrategy(table, before, wanted, options.subresource);
  const specChanged = resource.generations && !isDeepStrictEqual(before['spec'], kept['spec']);
  const next = { ...kept, metadata: { ...meta, ...inherited(current, specChanged), uid } };
  if (!resource.is(next)) throw notHandled(resource, `${resource.version}.${resource.kind}`);
  const faults = [...validateUpdate(next, current), ...validate(next)];
  if (faults.length > 0) throw invalid(resource, name, faults);
  // A write without changes is skipped: etcd3's GuaranteedUpdate compares the bytes.
  if (isDeepStrictEqual(toJson(next), before)) return current;
  if (options.dryRun === true) return next;
  if (!isDeletedByUpdate(next)) return table.write(next);
  table.remove(next);
  return next;
}

function uidConflict({ resource }: AnyTable, { metadata }: KubernetesObject, asked: string): Error {
  const key = ['/registry', resource.name, metadata.namespace, metadata.name].filter((step) => step !== undefined);
  return conflict(
    resource,
    metadata.name,
    `StorageError: invalid object, Code: 4, Key: ${key.join('/')}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${asked}, UID in object meta: ${metadata.uid}`,
  );
}

/** Keeps metadata that updates cannot change; the generation increases with the spec. */
function inherited({ metadata }: KubernetesObject, specChanged: boolean): Omit<KubernetesObject['metadata'], 'uid'> {
  const { name, namespace, creationTimestamp, resourceVersion, generation } = metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  return {
    name,
    creationTimestamp,
    resourceVersion,
    ...(namespace === undefined ? {} : { namespace }),
    ...(generation === undefined ? {} : { generation: specChanged ? generation + 1 : generation }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
  };
}

/** The main resource cannot change the status, and the status subresource cannot change the spec. */
function keptByStrategy(
  table: AnyTable,
  before: JsonObject,
  wanted: JsonObject,
  subresource: string | undefined,
): JsonObject {
  const field = subresource === 'status' ? 'spec' : 'status';
  const { [field]: ours } = before;
  const { [field]: theirs, ...rest } = wanted;
  if (subresource !== 'status' && !table.resource.subresources.includes('status'))
    return theirs === undefined ? rest : { ...rest, [field]: theirs };
  return ours === undefined ? rest : { ...rest, [field]: ours };
}

/** ShouldDeleteDuringUpdate: the last finalizer is removed and no grace period is pending. */
function isDeletedByUpdate({ metadata }: KubernetesObject): boolean {
  return (
    metadata.deletionTimestamp !== undefined &&
    (metadata.finalizers ?? []).length === 0 &&
    (metadata.deletionGracePeriodSeconds ?? 0) === 0
  );
}
