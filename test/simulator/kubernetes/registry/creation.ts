import { randomUUID } from 'node:crypto';
import { type Cluster, timestamp } from '../model/cluster.ts';
import { type KubernetesObject, requestMeta } from '../model/metadata.ts';
import { groupVersion, isResourceName } from '../model/resource.ts';
import { isObject, type Json, type JsonObject, withoutNulls } from '../model/shape.ts';
import { ApiError, alreadyExists, badRequest, forbidden, invalid, notFound } from '../model/status.ts';
import type { AnyTable } from '../model/table.ts';
import { initialStatus, part, withDefaults } from './defaults.ts';
import { admitPriority } from './priority.ts';
import { validate } from './validation.ts';

export type WriteOptions = { dryRun?: boolean };

/**
 * Creates an object as the generic registry does: defaults, admission, validation, then the write.
 * https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/registry/rest/create.go
 */
export function createObject(
  cluster: Cluster,
  table: AnyTable,
  namespace: string | undefined,
  body: Json,
  options: WriteOptions = {},
): KubernetesObject {
  const { resource } = table;
  if (!isResourceName(resource.name, cluster.resources)) throw new TypeError(`no such resource: ${resource.name}`);
  const given = withoutGatedFields(cluster, decode(table, body));
  const meta = part(given, 'metadata');
  if (!requestMeta(meta)) throw notHandled(resource, 'v1.ObjectMeta');
  if (resource.namespaced && meta.namespace !== undefined && meta.namespace !== '' && meta.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const name = nameFor(table, namespace, meta.name ?? '', meta.generateName ?? '');
  admitIntoNamespace(cluster, resource, namespace, name);
  const admitted = admitPriority(resource, name, given);
  const defaulted = initialStatus(resource.name, withDefaults(resource.name, admitted));
  const { deletionTimestamp: _when, deletionGracePeriodSeconds: _grace, ...kept } = meta;
  const object = {
    ...defaulted,
    metadata: {
      ...kept,
      name,
      ...(resource.namespaced && namespace !== undefined ? { namespace } : {}),
      uid: randomUUID(),
      creationTimestamp: timestamp(),
      resourceVersion: '',
      ...(resource.generations ? { generation: 1 } : {}),
    },
  };
  if (!resource.is(object)) throw notHandled(resource, `${resource.version}.${resource.kind}`);
  const faults = validate(object);
  if (faults.length > 0) throw invalid(resource, name, faults);
  if (table.get(namespace, name) !== undefined) throw alreadyExists(resource, name);
  return options.dryRun === true ? object : table.write(object);
}

/** dropDisabledFields: what a feature gate hides is not stored. */
function withoutGatedFields({ version }: Cluster, object: JsonObject): JsonObject {
  const { spec } = object;
  if (version === 'v1.37' || object['kind'] !== 'Pod' || !isObject(spec)) return object;
  const { evictionResponders: _, ...rest } = spec;
  return { ...object, spec: rest };
}

/** The body of a request as an object of the table's kind. Kind and version are optional, but must match. */
export function decode(table: AnyTable, body: Json): JsonObject {
  const { kind } = table.resource;
  const given = withoutNulls(body);
  if (!isObject(given)) throw unrecognised(kind, JSON.stringify(body));
  const version = groupVersion(table.resource);
  const { apiVersion = version, kind: givenKind = kind } = given;
  if (typeof apiVersion !== 'string' || typeof givenKind !== 'string') throw unrecognised(kind, JSON.stringify(body));
  if (apiVersion !== version || givenKind !== kind)
    throw badRequest(
      `${givenKind} in version ${JSON.stringify(apiVersion.split('/').at(-1))} cannot be handled as a ${kind}: no kind ${JSON.stringify(givenKind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"`,
    );
  return { ...given, apiVersion, kind, ...withoutEmptyFields(given) };
}

/** Go's omitempty: a label that a patch removes takes the field with it, when it was the last one. */
function withoutEmptyFields(given: JsonObject): JsonObject {
  const { metadata, spec } = given;
  return {
    ...(isObject(metadata) && {
      metadata: withoutEmpty(metadata, ['labels', 'annotations', 'finalizers', 'ownerReferences']),
    }),
    ...(isObject(spec) && { spec: withoutEmpty(spec, ['taints']) }),
  };
}

function withoutEmpty(object: JsonObject, fields: readonly string[]): JsonObject {
  const isEmpty = (value: Json) => (Array.isArray(value) || isObject(value)) && Object.keys(value).length === 0;
  return Object.fromEntries(
    Object.entries(object).filter(([name, value]) => !(fields.includes(name) && isEmpty(value))),
  );
}

export function unrecognised(kind: string, text: string, why = 'unexpected end of JSON input'): ApiError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why} (${text === '' ? '<empty>' : text.slice(0, 40)})`,
  );
}

export function notHandled(resource: { kind: string; version: string }, what: string): ApiError {
  return badRequest(
    `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${what}: a field has the wrong type`,
  );
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The five characters after a generated name: k8s.io/apiserver/pkg/storage/names. */
function nameFor(table: AnyTable, namespace: string | undefined, name: string, prefix: string): string {
  if (name !== '') return name;
  if (prefix === '')
    throw invalid(table.resource, '', [
      {
        field: 'metadata.name',
        reason: 'FieldValueRequired',
        message: 'Required value: name or generateName is required',
      },
    ]);
  for (;;) {
    const letters = Array.from({ length: 5 }, () => alphabet[Math.floor(Math.random() * alphabet.length)]);
    const generated = prefix + letters.join('');
    if (table.get(namespace, generated) === undefined) return generated;
  }
}

/** The NamespaceLifecycle admission plugin: no new objects in an unknown or terminating namespace. */
export function admitIntoNamespace(
  cluster: Cluster,
  resource: { group: string; name: string; namespaced: boolean },
  namespace: string | undefined,
  name: string,
): void {
  if (!resource.namespaced || namespace === undefined) return;
  const found = cluster.tables.namespaces.get(undefined, namespace);
  if (found === undefined) throw notFound(cluster.resources.namespaces, namespace);
  if (found.status.phase !== 'Terminating') return;
  const error = forbidden(
    resource,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  throw new ApiError(403, 'Forbidden', error.message, { ...error.status.details, causes: [cause] });
}
