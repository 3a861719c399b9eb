export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

export type Call = {
  readonly verb: Verb;
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal;
  /** Flow control that hits it slows down nothing else. */
  readonly dispensable?: boolean;
};

const METHODS = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

/** For people: what is asked of what, without the query. */
export function whatOf({ verb, path }: Call): string {
  return `${verb} ${path.split('?')[0]}`;
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
