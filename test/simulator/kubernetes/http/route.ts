import { type Cluster, tablesOf } from '../model/cluster.ts';
import { methodNotAllowed, noSuchPath } from '../model/status.ts';
import type { AnyTable } from '../model/table.ts';
import type { RequestInfo } from './request-info.ts';

/** The table of the requested resource. @throws ApiError for paths without a route on a real server */
export function tableFor(cluster: Cluster, info: RequestInfo): AnyTable {
  const table = tablesOf(cluster).find(
    ({ resource }) =>
      resource.isHidden !== true &&
      resource.name === info.resource &&
      resource.group === info.group &&
      resource.version === info.version,
  );
  if (table === undefined) throw noSuchPath();
  const { resource } = table;
  const knownSubresource = info.subresource === '' || resource.subresources.some((each) => each === info.subresource);
  if (!knownSubresource) throw noSuchPath();
  const scoped = resource.namespaced || info.namespace === '' || resource.name === 'namespaces';
  if (!scoped) throw noSuchPath();
  // Cluster-wide, namespaced resources can only be listed and watched.
  const single = info.verb !== 'list' && info.verb !== 'watch';
  if (resource.namespaced && info.namespace === '' && single)
    throw info.name === '' ? methodNotAllowed() : noSuchPath();
  return table;
}
