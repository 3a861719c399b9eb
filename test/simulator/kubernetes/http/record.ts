import type { RequestInfo } from './request-info.ts';

/** The record of one request. A status of 0 means that it got no response. */
export type RecordedRequest = {
  at: number;
  user: string;
  verb: string;
  /** With its subresource: `pods/eviction`. Empty for a path such as `/version`. */
  resource: string;
  namespace?: string;
  name?: string;
  path: string;
  /** `1.1` or `2.0` */
  httpVersion: string;
  status: number;
};

/** The record of a new request. */
export function recordOf(info: RequestInfo, httpVersion: string): RecordedRequest {
  const { verb, path, resource, subresource, namespace, name } = info;
  return {
    at: Date.now(),
    user: '',
    verb,
    resource: subresource === '' ? resource : `${resource}/${subresource}`,
    ...(namespace === '' ? {} : { namespace }),
    ...(name === '' ? {} : { name }),
    path,
    httpVersion,
    status: 0,
  };
}
