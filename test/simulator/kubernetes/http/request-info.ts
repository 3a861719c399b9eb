/** The attributes of a request for RBAC: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go */
export type RequestInfo = {
  verb: string;
  path: string;
  isResource: boolean;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
};

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const steps = path
    .split('/')
    .filter((step) => step !== '')
    .map(decodeURIComponent);
  const [root = '', ...rest] = steps;
  const [group = '', version = '', ...parts] = root === 'apis' ? rest : ['', ...rest];
  const verb = verbs[method] ?? '';
  if ((root !== 'api' && root !== 'apis') || parts.length === 0) {
    const nothing = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };
    return { ...nothing, verb: method.toLowerCase(), path, isResource: false };
  }
  const isNamespaced =
    parts[0] === 'namespaces' && parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize';
  const namespace = parts[0] === 'namespaces' ? (parts[1] ?? '') : '';
  const [resource = '', given = '', subresource = ''] = isNamespaced ? parts.slice(2) : parts;
  const name = given === '' ? nameOfSelector(query) : given;
  const found = { path, isResource: true, group, version, resource, subresource, namespace, name };
  return { ...found, verb: given === '' ? collectionVerb(verb, query) : verb };
}

function collectionVerb(verb: string, query: URLSearchParams): string {
  if (verb === 'delete') return 'deletecollection';
  if (verb !== 'get') return verb;
  return isTrue(query.get('watch')) ? 'watch' : 'list';
}

/** `?watch`, `?watch=1` and `?watch=true`, as Go converts a query parameter to a bool. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** A list or watch of `metadata.name=x` is authorised as a request for x. */
function nameOfSelector(query: URLSearchParams): string {
  const selector = query.get('fieldSelector') ?? '';
  return /(?:^|,)metadata\.name==?([^,]+)/.exec(selector)?.[1] ?? '';
}
