import type { Context } from './context.ts';
import { type ContainerCredentials, isCredentialsRequest } from './ecs/container-credentials.ts';
import type { AccessKeys } from './protocol/access-keys.ts';
import { authenticate } from './protocol/authentication.ts';
import { errorReply, type Service, ServiceError, statusReply } from './protocol/errors.ts';
import type { AwsRequest, Operation, Reply } from './protocol/message.ts';
import { readSignature } from './protocol/sigv4.ts';
import type { Exchange } from './server.ts';

/** The record of one request. `status` is 0 when the client did not get a complete response. */
export type ServedRequest = {
  at: number;
  /** The IAM action, or `credentials`. */
  action: string;
  parameters: Record<string, string>;
  status: number;
  accessKeyId?: string;
};

type SignedService = Exclude<Service, 'credentials'>;
type Services = Record<SignedService, (request: AwsRequest) => Operation>;
type Recognised = { service: Service; action: string; parameters: Record<string, string>; run: () => Reply };

/** Runs an operation. A ServiceError becomes the error response of the service. */
function replyOf(service: Service, run: () => Reply): Reply {
  try {
    return run();
  } catch (error) {
    if (error instanceof ServiceError) return errorReply(service, error);
    return errorReply(service, ServiceError.of(service, 'InternalFailure', String(error)));
  }
}

function isService(services: Services, name: string): name is SignedService {
  return Object.hasOwn(services, name);
}

/** Refuses unsigned requests, and requests for services that are not simulated, in the query protocol. */
function refuseUnsigned(): Reply {
  throw ServiceError.of('sts', 'MissingAuthenticationToken', 'Request is missing Authentication Token');
}

/** Routes each request to the service in its credential scope, and records it. */
export function dispatcher(parts: {
  services: Services;
  container: ContainerCredentials;
  keys: AccessKeys;
  context: Context;
  requests: ServedRequest[];
}): (request: AwsRequest) => Exchange {
  const { services, container, keys, context, requests } = parts;

  const recognised = (request: AwsRequest): Recognised => {
    if (isCredentialsRequest(request)) {
      return { service: 'credentials', action: 'credentials', parameters: {}, run: () => container.serve(request) };
    }
    const service = readSignature(request)?.service ?? '';
    if (!isService(services, service))
      return { service: 'sts', action: 'unknown', parameters: {}, run: refuseUnsigned };
    const { action, parameters, run } = services[service](request);
    return { service, action, parameters, run: () => run(authenticate(request, service, keys, context)) };
  };

  return (request) => {
    const { service, action, parameters, run } = recognised(request);
    const accessKeyId = readSignature(request)?.accessKeyId;
    const at = context.now();
    const served = { at, action, parameters, status: 0, ...(accessKeyId === undefined ? {} : { accessKeyId }) };
    requests.push(served);
    return {
      action,
      parameters,
      run: () => replyOf(service, run),
      errorReply: (status) => statusReply(service, status),
      throttled: () => errorReply(service, ServiceError.throttling(service)),
      onAnswered: (status) => {
        served.status = status;
      },
    };
  };
}
