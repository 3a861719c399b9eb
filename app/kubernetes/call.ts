export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

/** One call of the Kubernetes API. */
export type Call = {
  readonly verb: Verb;
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** Flow control of this call does not pause other calls. */
  readonly lowPriority?: boolean;
};

const METHODS = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

/** The verb and the path without its query, for messages. */
export function describeCall({ verb, path }: Call): string {
  return `${verb} ${path.split('?')[0]}`;
}

/** The RBAC permission that a call needs, regardless of namespace and object: `create pods/eviction`. */
export function permissionOf({ verb, path }: Call): string {
  const below = (path.split('?')[0] ?? '').replace(/^.*\/v\d[^/]*\//, '').replace(/^namespaces\/[^/]+\/(?=.)/, '');
  const [resource = '', , subresource] = below.split('/');
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** Method, headers and body of the request, without credentials. */
export function requestOf({ verb, body, contentType = 'application/json' }: Call) {
  return {
    method: METHODS[verb],
    headers: {
      accept: 'application/json',
      'user-agent': 'fargate-node-drainer',
      ...(body !== undefined && { 'content-type': contentType }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
}
