import { randomUUID } from 'node:crypto';
import type { Fault } from '../../faults.ts';
import { type Condition, conditions, type Dialect, dialects, isCondition, type Service } from './common-errors.ts';
import type { Reply } from './message.ts';
import { autoScalingNamespace, stsNamespace, xmlDocument } from './xml.ts';

export type { Condition, Service } from './common-errors.ts';

export type ErrorDetails = Readonly<Record<string, string | readonly string[]>>;

/** An error that a service answers on purpose. */
export class ServiceError extends Error {
  readonly code: string;
  readonly status: number;
  /** What the error document tells besides its code and its message. */
  readonly details: ErrorDetails;

  constructor(code: string, message: string, status = 400, details: ErrorDetails = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.details = details;
  }

  /** One of the common errors, in the words of the service's protocol. */
  static of(service: Service, condition: Condition, message: string, details: ErrorDetails = {}): ServiceError {
    const [status, code] = conditions[condition][dialects[service]];
    return new ServiceError(code, message, status, details);
  }

  /** What the service answers to those who ask too often. */
  static throttling(service: Service): ServiceError {
    return ServiceError.of(service, 'Throttling', throttlingMessages[dialects[service]] ?? 'Rate exceeded');
  }
}

/** The error document of a service's protocol. */
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
        body: xmlDocument('ErrorResponse', service === 'sts' ? stsNamespace : autoScalingNamespace, value),
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

/** Where it is not `Rate exceeded`. */
const throttlingMessages: Partial<Record<Dialect, string>> = {
  ec2: 'Request limit exceeded.',
  s3: 'Please reduce your request rate.',
};

const defaultMessages: Partial<Record<Condition, string>> = {
  Throttling: 'Rate exceeded',
  AccessDenied: 'User is not authorized to perform this action because no identity-based policy allows it',
};

/** The common error that a bare status code stands for. */
function conditionOf(status: number): Condition {
  if (status === 400 || status === 429) return 'Throttling';
  if (status === 401 || status === 403) return 'AccessDenied';
  if (status === 503) return 'ServiceUnavailable';
  return 'InternalFailure';
}

/** The reply to a `status` fault that brings no body of its own. */
export function statusReply(service: Service, status: number): Reply {
  const condition = conditionOf(status);
  const error = ServiceError.of(service, condition, defaultMessages[condition] ?? `Simulated ${status}`);
  return errorReply(service, new ServiceError(error.code, error.message, status));
}

/**
 * A fault that answers with a service's own error document. `code` is one of the common errors (`AccessDenied`,
 * `Throttling`, `InternalFailure`, `ServiceUnavailable`, …), said in the service's own words, or any code as it stands.
 */
export function awsError(service: Service, code: Condition | (string & {}), message?: string, status?: number): Fault {
  const text = message ?? (isCondition(code) ? defaultMessages[code] : undefined) ?? code;
  const known = isCondition(code) ? ServiceError.of(service, code, text) : new ServiceError(code, text);
  const reply = errorReply(service, new ServiceError(known.code, text, status ?? known.status));
  return { kind: 'status', status: reply.status, body: reply.body.toString(), headers: reply.headers };
}
