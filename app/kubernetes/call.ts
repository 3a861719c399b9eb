export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

export type Call = {
  readonly verb: Verb;
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** Flow control that hits it slows down nothing else. */
  readonly lowPriority?: boolean;
};

const METHODS = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

/** For people: what is asked of what, without the query. */
export function describeCall({ verb, path }: Call): string {
  return `${verb} ${path.split('?')[0]}`;
}

/** The right that a call takes, as RBAC knows it, in whatever namespace: `create pods/eviction`. */
export function rightOf({ verb, path }: Call): string {
  const below = (path.split('?')[0] ?? '').replace(/^.*\/v\d[^/]*\//, '').replace(/^namespaces\/[^/]+\/(?=.)/, '');
  const [resource = '', , subresource] = below.split('/');
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** What of a call goes over the line, but for who sends it. */
export function messageOf({ verb, body, contentType = 'application/json' }: Call) {
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
