import type { Cluster } from '../model/cluster.ts';
import { groupVersion, type Resource } from '../model/resource.ts';

/** The documents of discovery and health, by path. https://kubernetes.io/docs/concepts/overview/kubernetes-api/ */
export function discovery(cluster: Cluster, path: string, host: string): object | string | undefined {
  const all = servedBy(cluster);
  switch (path) {
    case '/version':
      return version(cluster);
    case '/readyz':
    case '/livez':
    case '/healthz':
      return 'ok';
    case '/api':
      return {
        kind: 'APIVersions',
        versions: ['v1'],
        serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: host }],
      };
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups(all) };
    case '/api/v1':
      return resourceList(cluster, 'v1');
    default:
      return group(cluster, all, path);
  }
}

function servedBy({ resources }: Cluster): Resource[] {
  const all: Resource[] = Object.values(resources);
  return all.filter(({ isHidden }) => isHidden !== true);
}

function version({ version: name }: Cluster): object {
  const [, minor = ''] = name.split('.');
  return {
    major: '1',
    minor,
    gitVersion: `${name}.2`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'go',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}

function groups(all: readonly Resource[]): object[] {
  const names = new Map(all.filter(({ group: name }) => name !== '').map((each) => [each.group, each.version]));
  return [...names].map(([name, itsVersion]) => {
    const served = { groupVersion: `${name}/${itsVersion}`, version: itsVersion };
    return { name, versions: [served], preferredVersion: served };
  });
}

function group(cluster: Cluster, all: readonly Resource[], path: string): object | undefined {
  const [, root, name = '', itsVersion] = path.split('/');
  if (root !== 'apis') return undefined;
  if (itsVersion !== undefined) return resourceList(cluster, `${name}/${itsVersion}`);
  const found = groups(all.filter((each) => each.group === name)).at(0);
  return found === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...found };
}

function resourceList(cluster: Cluster, wanted: string): object | undefined {
  const all = servedBy(cluster);
  const found = all.filter((resource) => groupVersion(resource) === wanted);
  if (found.length === 0) return undefined;
  const entries = found.flatMap((resource) => [entry(resource), ...subresources(cluster, resource)]);
  const resources = entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { kind: 'APIResourceList', ...(wanted === 'v1' ? {} : { apiVersion: 'v1' }), groupVersion: wanted, resources };
}

function entry({ name, singular, namespaced, kind, shortNames }: Resource): { name: string } {
  const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
  return {
    name,
    ...{ singularName: singular, namespaced, kind, verbs },
    ...(shortNames.length === 0 ? {} : { shortNames }),
  };
}

function subresources(
  cluster: Cluster,
  { name, namespaced, kind, subresources: served }: Resource,
): { name: string }[] {
  return served.map((subresource) =>
    subresource === 'eviction'
      ? {
          name: `${name}/eviction`,
          ...{ singularName: '', namespaced, group: 'policy', version: cluster.version === 'v1.20' ? 'v1beta1' : 'v1' },
          ...{ kind: 'Eviction', verbs: ['create'] },
        }
      : {
          name: `${name}/${subresource}`,
          ...{ singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] },
        },
  );
}
