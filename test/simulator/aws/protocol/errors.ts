import { randomUUID } from 'node:crypto';
import type { Fault } from '../../faults.ts';
import {
  type CommonError,
  commonErrors,
  type Dialect,
  dialects,
  isCommonError,
  type Service,
} from './common-errors.ts';
import type { Reply } from './message.ts';
import { autoScalingNamespace, elbv2Namespace, stsNamespace, xmlDocument } from './xml.ts';

export type { CommonError, Service } from './common-errors.ts';

export type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

/** An error response of a service. */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  /** Additional fields of the error response. */
  readonly details: ErrorDetails;

  constructor(code: string, message: string, status = 400, details: ErrorDetails = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.details = details;
  }

  /** A common error in the protocol of the service. */
  static of(service: Service, error: CommonError, message: string, details: ErrorDetails = {}): ServiceError {
    const [status, code] = commonErrors[error][dialects[service]];
    return new ServiceError(code, message, status, details);
  }

  /** The throttling error of the service. */
  static throttling(service: Service): ServiceError {
    return ServiceError.of(service, 'Throttling', throttlingMessages[dialects[service]] ?? 'Rate exceeded');
  }
}

const namespaces: Partial<Record<Service, string>> = { sts: stsNamespace, elasticloadbalancing: elbv2Namespace };

/** The error response in the protocol of the service. */
export function errorReply(service: Service, error: ServiceError): Reply {
  const requestId = randomUUID();
  const { code, message, status, details } = error;
  const xml = { 'content-type': 'text/xml', 'x-amzn-requestid': requestId };
  const fields = { Code: code, Message: message };
  switch (dialects[service]) {
    case 'query': {
      const value = { Error: { Type: status < 500 ? 'Sender' : 'Receiver', ...fields }, RequestId: requestId };
      return {
        status,
        headers: xml,
        body: xmlDocument('ErrorResponse', namespaces[service] ?? autoScalingNamespace, value),
      };
    }
    case 'ec2':
      return {
        status,
        headers: xml,
        body: xmlDocument('Response', undefined, { Errors: { Error: fields }, RequestID: requestId }),
      };
    case 's3':
      return {
        status,
        headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId, 'x-amz-id-2': requestId },
        body: xmlDocument('Error', undefined, { ...fields, ...details, RequestId: requestId, HostId: requestId }),
      };
    case 'json':
      return {
        status,
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId },
        body: JSON.stringify({ __type: code, message, ...details }),
      };
    case 'rest':
      return {
        status,
        headers: { 'content-type': 'application/json', 'x-amzn-requestid': requestId, 'x-amzn-errortype': code },
        body: JSON.stringify({ code, message }),
      };
  }
}

/** Protocols with a message other than `Rate exceeded`. */
const throttlingMessages: Partial<Record<Dialect, string>> = {
  ec2: 'Request limit exceeded.',
  s3: 'Please reduce your request rate.',
};

const defaultMessages: Partial<Record<CommonError, string>> = {
  Throttling: 'Rate exceeded',
  AccessDenied: 'User is not authorized to perform this action because no identity-based policy allows it',
};

/** The common error for a status code. */
function commonErrorOf(status: number): CommonError {
  if (status === 400 || status === 429) return 'Throttling';
  if (status === 401 || status === 403) return 'AccessDenied';
  if (status === 503) return 'ServiceUnavailable';
  return 'InternalFailure';
}

/** The reply to a `status` fault without a body. */
export function statusReply(service: Service, status: number): Reply {
  const condition = commonErrorOf(status);
  const error = ServiceError.of(service, condition, defaultMessages[condition] ?? `Simulated ${status}`);
  return errorReply(service, new ServiceError(error.code, error.message, status));
}

/**
 * A fault that returns an error response of a service. `code` is a common error (`AccessDenied`, `Throttling`,
 * `InternalFailure`, `ServiceUnavailable`, …), translated to the protocol of the service, or any other code.
 */
export function awsError(
  service: Service,
  code: CommonError | (string & {}),
  message?: string,
  status?: number,
): Fault {
  const text = message ?? (isCommonError(code) ? defaultMessages[code] : undefined) ?? code;
  const known = isCommonError(code) ? ServiceError.of(service, code, text) : new ServiceError(code, text);
  const reply = errorReply(service, new ServiceError(known.code, text, status ?? known.status));
  return { kind: 'status', status: reply.status, body: reply.body.toString(), headers: reply.headers };
}
