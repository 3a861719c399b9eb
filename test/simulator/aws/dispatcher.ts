import type { Context } from './context.ts';
import { type ContainerCredentials, isCredentialsRequest } from './ecs/container-credentials.ts';
import type { AccessKeys } from './protocol/access-keys.ts';
import { authenticate } from './protocol/authentication.ts';
import { errorReply, type Service, ServiceError, statusReply } from './protocol/errors.ts';
import type { AwsRequest, Operation, Reply } from './protocol/message.ts';
import { readSignature } from './protocol/sigv4.ts';
import type { Exchange } from './server.ts';

/** One request as it was served. `status` is 0 for what got no whole answer. */
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

/** Runs an operation; what a service refuses on purpose becomes its error document. */
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

/** Whoever does not sign, or signs for a service that is not here, gets the words of the query protocol. */
function refuse(): Reply {
  throw ServiceError.of('sts', 'MissingAuthenticationToken', 'Request is missing Authentication Token');
}

/** Tells by the credential scope which service a request is for, and keeps a record of every request. */
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
    if (!isService(services, service)) return { service: 'sts', action: 'unknown', parameters: {}, run: refuse };
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
      answer: () => replyOf(service, run),
      faulty: (status) => statusReply(service, status),
      throttled: () => errorReply(service, ServiceError.throttling(service)),
      answered: (status) => {
        served.status = status;
      },
    };
  };
}
