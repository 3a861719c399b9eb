import type { Cluster } from '../model/cluster.ts';
import type { PolicyRule, RoleBinding } from '../model/rbac.ts';
import { type ApiError, forbidden, ApiError as StatusError } from '../model/status.ts';
import type { RequestInfo } from './request-info.ts';

export type User = { name: string; groups: readonly string[] };

/** Whether RBAC grants the request. https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
export function isAllowed(cluster: Cluster, user: User, info: RequestInfo): boolean {
  // The API server allows the privileged group before it calls any authorizer.
  if (user.groups.includes('system:masters')) return true;
  const { clusterrolebindings, clusterroles, rolebindings, roles } = cluster.tables;
  const clusterRules = (name: string): readonly PolicyRule[] => clusterroles.get(undefined, name)?.rules ?? [];
  for (const binding of clusterrolebindings.list())
    if (names(binding, user) && grants(clusterRules(binding.roleRef.name), info)) return true;
  if (!info.isResource || info.namespace === '') return false;
  return rolebindings.by('namespace', info.namespace).some((binding) => {
    const { kind, name } = binding.roleRef;
    const rules = kind === 'Role' ? (roles.get(info.namespace, name)?.rules ?? []) : clusterRules(name);
    return names(binding, user) && grants(rules, info);
  });
}

function names(binding: RoleBinding, user: User): boolean {
  return (binding.subjects ?? []).some((subject) => {
    if (subject.kind === 'User') return subject.name === user.name;
    if (subject.kind === 'Group') return user.groups.includes(subject.name);
    return user.name === `system:serviceaccount:${subject.namespace ?? ''}:${subject.name}`;
  });
}

function grants(rules: readonly PolicyRule[], info: RequestInfo): boolean {
  return rules.some(
    (rule) =>
      has(rule.verbs, info.verb) && (info.isResource ? coversResource(rule, info) : coversPath(rule, info.path)),
  );
}

function coversResource(rule: PolicyRule, { group, resource, subresource, name }: RequestInfo): boolean {
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const resources = rule.resources ?? [];
  const namesResource = has(resources, full) || (subresource !== '' && resources.includes(`*/${subresource}`));
  const itsNames = rule.resourceNames ?? [];
  return has(rule.apiGroups ?? [], group) && namesResource && (itsNames.length === 0 || itsNames.includes(name));
}

function coversPath(rule: PolicyRule, path: string): boolean {
  return (rule.nonResourceURLs ?? []).some(
    (pattern) =>
      pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1))),
  );
}

const has = (list: readonly string[], wanted: string): boolean => list.includes('*') || list.includes(wanted);

/** The wording of k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go */
export function denial(user: User, info: RequestInfo): ApiError {
  const who = `User ${JSON.stringify(user.name)} cannot ${info.verb}`;
  if (!info.isResource)
    return new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(info.path)}`, {});
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  const where = info.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(info.namespace)}`;
  return forbidden(
    { group: info.group, name: info.resource },
    info.name,
    `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)} ${where}`,
  );
}

/** The default roles of every cluster that the requests of the tests need. */
export function bootstrapRoles(
  cluster: Cluster,
  create: (table: 'clusterroles' | 'clusterrolebindings', body: object) => void,
): void {
  const get = ['get'];
  const health = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
  const roles = {
    'cluster-admin': [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
    'system:discovery': [
      { verbs: get, nonResourceURLs: [...health, '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'] },
    ],
    'system:public-info-viewer': [{ verbs: get, nonResourceURLs: health }],
  };
  const groups: Record<string, readonly string[]> = {
    'cluster-admin': ['system:masters'],
    'system:discovery': ['system:authenticated'],
    'system:public-info-viewer': ['system:authenticated', 'system:unauthenticated'],
  };
  const apiGroup = cluster.resources.clusterroles.group;
  for (const [name, rules] of Object.entries(roles)) {
    create('clusterroles', { metadata: { name }, rules });
    const subjects = (groups[name] ?? []).map((group) => ({ kind: 'Group', apiGroup, name: group }));
    create('clusterrolebindings', { metadata: { name }, roleRef: { apiGroup, kind: 'ClusterRole', name }, subjects });
  }
}
