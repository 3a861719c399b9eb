/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
type StatusCause = { reason?: string; message?: string; field?: string };
type StatusDetails = {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
};
export type Status = {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
};

type GroupResource = { group: string; name: string };

/** A failed request, with its Status for the client. */
export class ApiError extends Error {
  readonly status: Status;

  constructor(code: number, reason: string | undefined, message: string, details?: StatusDetails) {
    super(message);
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

export function success(details?: StatusDetails, code = 200): Status {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code } as const;
  return details === undefined ? status : { ...status, details };
}

/** As Go's `GroupResource.String()`: `pods`, `poddisruptionbudgets.policy`. */
function qualified(resource: GroupResource): string {
  return resource.group === '' ? resource.name : `${resource.name}.${resource.group}`;
}

function detailsOf(resource: GroupResource, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.name,
  };
}

// The wording of k8s.io/apimachinery/pkg/api/errors/errors.go.

export const badRequest = (message: string): ApiError => new ApiError(400, 'BadRequest', message);

export const unauthorized = (): ApiError => new ApiError(401, 'Unauthorized', 'Unauthorized');

export const notFound = (resource: GroupResource, name: string): ApiError =>
  new ApiError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));

export const noSuchPath = (): ApiError =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): ApiError =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const notAcceptable = (message: string, details?: StatusDetails): ApiError =>
  new ApiError(406, 'NotAcceptable', message, details);

export const unsupportedMediaType = (): ApiError =>
  new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

export const alreadyExists = (resource: GroupResource, name: string): ApiError =>
  new ApiError(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, detailsOf(resource, name));

export const conflict = (resource: GroupResource, name: string, reason: string): ApiError =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${reason}`,
    detailsOf(resource, name),
  );

export const modified = (resource: GroupResource, name: string): ApiError =>
  conflict(
    resource,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );

export function forbidden(resource: GroupResource, name: string, reason: string): ApiError {
  const what = name === '' ? qualified(resource) : `${qualified(resource)} "${name}"`;
  return new ApiError(403, 'Forbidden', `${what} is forbidden: ${reason}`, detailsOf(resource, name));
}

export type Invalidity = { field: string; reason: string; message: string };

/** Field errors as one Status: a single one by itself, several in brackets (Go's Aggregate). */
export function invalid(kind: { group: string; kind: string }, name: string, errors: readonly Invalidity[]): ApiError {
  const sentences = errors.map((error) => `${error.field}: ${error.message}`);
  const text = sentences.length === 1 ? sentences.join('') : `[${sentences.join(', ')}]`;
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiError(422, 'Invalid', `${qualifiedKind} "${name}" is invalid: ${text}`, {
    ...detailsOf({ group: kind.group, name: kind.kind }, name),
    causes: errors.map(({ field, reason, message }) => ({ reason, message, field })),
  });
}

export const expired = (message: string): ApiError => new ApiError(410, 'Expired', message);

export const tooLargeResourceVersion = (asked: number, current: number): ApiError =>
  new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

export const internalError = (message: string): ApiError =>
  new ApiError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
