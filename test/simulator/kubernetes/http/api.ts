import type { Faults, KubernetesFault } from '../../faults.ts';
import type { Cluster } from '../model/cluster.ts';
import type { KubernetesObject } from '../model/metadata.ts';
import { groupVersion } from '../model/resource.ts';
import { isObject, type Json } from '../model/shape.ts';
import { ApiError, methodNotAllowed, noSuchPath, notFound, success, unsupportedMediaType } from '../model/status.ts';
import type { AnyTable } from '../model/table.ts';
import { createObject } from '../registry/creation.ts';
import { deleteObject } from '../registry/deletion.ts';
import { evict } from '../registry/eviction.ts';
import { deleteOptionsOf, isDryRun, parseBody, parseVersion } from '../registry/options.ts';
import { patched } from '../registry/patch.ts';
import { updateObject } from '../registry/update.ts';
import { discovery } from './discovery.ts';
import { listObjects, untilFresh } from './list.ts';
import { type Form, formOf, type Rendering } from './rendering.ts';
import type { RequestInfo } from './request-info.ts';
import { tableFor } from './route.ts';
import { selected, selectionOf } from './selection.ts';
import { type WatchSink, type WatchTimes, watchObjects } from './watch.ts';

type ApiRequest = {
  info: RequestInfo;
  query: URLSearchParams;
  accept: string;
  contentType: string;
  body: string;
  host: string;
};
export type Reply =
  | { kind: 'text'; status: number; contentType: string; body: string }
  | { kind: 'watch'; open: (sink: WatchSink) => () => void };
export type Api = { cluster: Cluster; faults: Faults<KubernetesFault>; rendering: Rendering; watchTimes: WatchTimes };

/** Handles one authorised request. @throws ApiError when the request is invalid */
export async function answer(api: Api, request: ApiRequest): Promise<Reply> {
  const { info } = request;
  if (!info.isResource) return answerPath(api, request);
  const table = tableFor(api.cluster, info);
  if (info.subresource === 'eviction') return answerEviction(api, request);
  if (info.subresource !== '' && info.verb === 'create') throw methodNotAllowed();
  const form = formOf(request.accept);
  switch (info.verb) {
    case 'get':
      return answerGet(api, request, table, form);
    case 'list':
      return json(200, await listObjects(api.cluster, table, info.namespace, request.query, form, api.rendering));
    case 'watch':
      return { kind: 'watch', open: openWatch(api, request, table, form) };
    case 'create':
      return answerCreate(api, request, table, form);
    case 'update':
    case 'patch':
      return answerUpdate(api, request, table, form);
    case 'delete':
      return answerDelete(api, request, table, form);
    case 'deletecollection':
      return answerDeleteCollection(api, request, table, form);
    default:
      throw methodNotAllowed();
  }
}

function answerPath({ cluster }: Api, { info, host }: ApiRequest): Reply {
  const found = info.verb === 'get' ? discovery(cluster, info.path.replace(/(.)\/$/, '$1'), host) : undefined;
  if (found === undefined) throw noSuchPath();
  if (typeof found === 'string')
    return { kind: 'text', status: 200, contentType: 'text/plain; charset=utf-8', body: found };
  return json(200, JSON.stringify(found));
}

function json(status: number, body: string): Reply {
  return { kind: 'text', status, contentType: 'application/json', body: body.endsWith('\n') ? body : `${body}\n` };
}

function openWatch(
  api: Api,
  { info, query }: ApiRequest,
  table: AnyTable,
  form: Form,
): (sink: WatchSink) => () => void {
  const namespace = table.resource.namespaced ? info.namespace : '';
  return watchObjects(api.cluster, table, namespace, query, form, api.rendering, api.watchTimes);
}

function namespaceOf(table: AnyTable, info: RequestInfo): string | undefined {
  return table.resource.namespaced ? info.namespace : undefined;
}

async function answerGet(api: Api, { info, query }: ApiRequest, table: AnyTable, form: Form): Promise<Reply> {
  await untilFresh(api.cluster, parseVersion(query.get('resourceVersion') ?? ''));
  const found = table.get(namespaceOf(table, info), info.name);
  if (found === undefined) throw notFound(table.resource, info.name);
  return json(200, api.rendering.object(found, form));
}

function answerCreate(api: Api, { info, query, body, contentType }: ApiRequest, table: AnyTable, form: Form): Reply {
  if (info.name !== '') throw methodNotAllowed();
  checkMediaType(contentType);
  const given = parseBody(table.resource.kind, body);
  const dryRun = isDryRun(query.getAll('dryRun'), 'CreateOptions');
  const created = createObject(api.cluster, table, namespaceOf(table, info), admitted(table, given), { dryRun });
  return json(201, api.rendering.object(created, form));
}

/** The TaintNodesByCondition admission plugin: a new node is not ready until its status says so. */
function admitted(table: AnyTable, body: Json): Json {
  if (table.resource.name !== 'nodes' || !isObject(body)) return body;
  const spec = isObject(body['spec']) ? body['spec'] : {};
  const taints = Array.isArray(spec['taints']) ? spec['taints'] : [];
  return {
    ...body,
    spec: { ...spec, taints: [...taints, { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] },
  };
}

function answerUpdate(api: Api, request: ApiRequest, table: AnyTable, form: Form): Reply {
  const { info, query, body, contentType } = request;
  if (info.name === '') throw methodNotAllowed();
  const patch = info.verb === 'patch';
  const mediaType = contentType.split(';')[0]?.trim() ?? '';
  const patchTypes = [
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/json-patch+json',
  ];
  if (patch && !patchTypes.includes(mediaType)) throw unsupportedMediaType();
  if (!patch) checkMediaType(contentType);
  const given = parseBody(table.resource.kind, body);
  const updated = updateObject(
    api.cluster,
    table,
    namespaceOf(table, info),
    info.name,
    (current) => (patch ? patched(current, given, mediaType) : given),
    {
      patch,
      subresource: info.subresource,
      dryRun: isDryRun(query.getAll('dryRun'), patch ? 'PatchOptions' : 'UpdateOptions'),
    },
  );
  return json(200, api.rendering.object(updated, form));
}

async function answerEviction({ cluster }: Api, { info, query, body, contentType }: ApiRequest): Promise<Reply> {
  if (info.verb !== 'create') throw methodNotAllowed();
  checkMediaType(contentType);
  const dryRun = query.getAll('dryRun');
  isDryRun(dryRun, 'CreateOptions');
  const status = await evict(cluster, info.namespace, info.name, parseBody('Eviction', body), dryRun);
  return json(201, JSON.stringify(status));
}

function answerDelete(api: Api, { info, query, body }: ApiRequest, table: AnyTable, form: Form): Reply {
  const options = deleteOptionsOf(query, body);
  const { object: deleted, gone } = deleteObject(
    api.cluster,
    table,
    namespaceOf(table, info),
    info.name,
    options,
    admitDeletion(api),
  );
  // Only the deprecated option orphanDependents=false gets a 202 for a pending deletion.
  const status = !gone && options.orphanDependents === false ? 202 : 200;
  if (!gone || table.resource.returnsDeleted) return json(status, api.rendering.object(deleted, form));
  return json(status, JSON.stringify(statusOfDeleted(table, deleted)));
}

/** The webhooks that are asked about deletions of pods. */
function admitDeletion({ cluster }: Api): (object: KubernetesObject) => void {
  return ({ kind, metadata }) => {
    if (kind === 'Pod')
      cluster.webhooks.review('deletion', { namespace: metadata.namespace ?? '', name: metadata.name });
  };
}

function statusOfDeleted({ resource }: AnyTable, { metadata }: KubernetesObject): object {
  const { code: _none, ...status } = success({
    name: metadata.name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.name,
    uid: metadata.uid,
  });
  return status;
}

function answerDeleteCollection(api: Api, { info, query, body }: ApiRequest, table: AnyTable, form: Form): Reply {
  const { cluster } = api;
  const selection = selectionOf(table, info.namespace, query);
  const options = deleteOptionsOf(query, body);
  const targets = selected(table, selection);
  const { resource } = table;
  const metadata = { resourceVersion: String(cluster.revisions.current) };
  for (const { metadata: meta } of targets)
    deleteObject(cluster, table, meta.namespace, meta.name, options, admitDeletion(api));
  const listForm = form === 'object' ? form : 'PartialObjectMetadataList';
  return json(200, api.rendering.list(resource.kind, groupVersion(resource), metadata, targets, listForm));
}

function checkMediaType(contentType: string): void {
  if (['', 'application/json'].includes(contentType.split(';')[0]?.trim() ?? '')) return;
  const accepted = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  throw new ApiError(415, 'UnsupportedMediaType', message);
}
