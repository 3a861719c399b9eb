import { Readable } from 'node:stream';
import type { AwsFault, Faults } from '../../faults.ts';
import { isList, isMap, type Value } from '../json.ts';
import { errorReply, ServiceError, statusReply } from '../protocol/errors.ts';
import type { AwsRequest, Operation, Reply } from '../protocol/message.ts';
import { StatesError } from './states-error.ts';

type SimulatedService = 'autoscaling' | 'ec2' | 'ecs';

type Parts = {
  readonly services: Readonly<Record<SimulatedService, (request: AwsRequest) => Operation>>;
  readonly faults: Faults<AwsFault>;
  readonly region: string;
  readonly accountId: string;
};

/** Calls an operation of a service, by its name in the SDK. @throws StatesError */
export type SdkCall = (service: string, operation: string, parameters: Value) => Promise<Value>;

/** The prefix of error names: the name of the service in the AWS SDK for Java. */
const PREFIXES: Readonly<Record<SimulatedService, string>> = { autoscaling: 'AutoScaling', ec2: 'Ec2', ecs: 'Ecs' };

/**
 * SDK integrations, by the real SDK: it writes requests and reads responses as it does over HTTP.
 * Names of parameters and results are in PascalCase, times are ISO 8601.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
 */
export function sdkCall(parts: Parts): SdkCall {
  return async (service, operation, parameters) => {
    if (!isSimulated(service)) throw new StatesError('States.Runtime', `the simulator does not support ${service}`);
    const input = JSON.stringify(service === 'ecs' ? withCase(parameters, 'toLowerCase') : parameters);
    try {
      const send = await senderOf(service, operation, parts);
      const { $metadata: _, ...result } = await send(input);
      const value: Value = JSON.parse(JSON.stringify(result));
      return service === 'ecs' ? withCase(value, 'toUpperCase') : value;
    } catch (error) {
      if (error instanceof StatesError || !(error instanceof Error)) throw error;
      const prefix = PREFIXES[service];
      const name = error.name.endsWith('Exception') ? error.name : `${prefix}Exception`;
      throw new StatesError(`${prefix}.${name}`, error.message);
    }
  };
}

function isSimulated(service: string): service is SimulatedService {
  return Object.hasOwn(PREFIXES, service);
}

/** Sends one operation, with its input as JSON. */
async function senderOf(service: SimulatedService, operation: string, parts: Parts) {
  const settings = {
    region: parts.region,
    endpoint: 'http://aws.invalid',
    credentials: { accessKeyId: 'STEPFUNCTIONS', secretAccessKey: 'simulated' },
    // Step Functions does not retry: the Retry of the state does.
    maxAttempts: 1,
    requestHandler: { handle: (request: SdkRequest) => answer(service, request, parts) },
  };
  switch (`${service}:${operation}`) {
    case 'autoscaling:DescribeAutoScalingInstances': {
      const { AutoScalingClient, DescribeAutoScalingInstancesCommand } = await import('@aws-sdk/client-auto-scaling');
      return (input: string) =>
        new AutoScalingClient(settings).send(new DescribeAutoScalingInstancesCommand(JSON.parse(input)));
    }
    case 'autoscaling:DescribeLifecycleHooks': {
      const { AutoScalingClient, DescribeLifecycleHooksCommand } = await import('@aws-sdk/client-auto-scaling');
      return (input: string) =>
        new AutoScalingClient(settings).send(new DescribeLifecycleHooksCommand(JSON.parse(input)));
    }
    case 'ec2:DescribeTags': {
      const { DescribeTagsCommand, EC2Client } = await import('@aws-sdk/client-ec2');
      return (input: string) => new EC2Client(settings).send(new DescribeTagsCommand(JSON.parse(input)));
    }
    case 'ecs:ListTasks': {
      const { ECSClient, ListTasksCommand } = await import('@aws-sdk/client-ecs');
      return (input: string) => new ECSClient(settings).send(new ListTasksCommand(JSON.parse(input)));
    }
    case 'ecs:DescribeTasks': {
      const { DescribeTasksCommand, ECSClient } = await import('@aws-sdk/client-ecs');
      return (input: string) => new ECSClient(settings).send(new DescribeTasksCommand(JSON.parse(input)));
    }
    case 'ecs:RunTask': {
      const { ECSClient, RunTaskCommand } = await import('@aws-sdk/client-ecs');
      return (input: string) => new ECSClient(settings).send(new RunTaskCommand(JSON.parse(input)));
    }
    default:
      throw new StatesError('States.Runtime', `the simulator does not support ${service}:${operation}`);
  }
}

/** A request of the SDK, with the body that query and JSON protocols have. */
type SdkRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

async function answer(service: SimulatedService, sent: SdkRequest, { services, faults, accountId }: Parts) {
  const headers = Object.entries(sent.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const request: AwsRequest = {
    method: sent.method,
    path: sent.path,
    query: '',
    headers: Object.fromEntries(headers),
    body: bodyOf(sent.body),
  };
  const operation = services[service](request);
  const fault = faults.matchRule({
    method: request.method,
    path: operation.action,
    query: new URLSearchParams(operation.parameters),
    headers: { ...request.headers, 'user-agent': 'states.amazonaws.com' },
    body: request.body.toString(),
  });
  const caller = { arn: '', userId: '', accountId, accessKeyId: 'STEPFUNCTIONS' };
  const run = (): Reply => replyOf(service, () => operation.run(caller));
  const { status, headers: responseHeaders, body } = await replyWith(fault, service, run);
  return { response: { statusCode: status, headers: responseHeaders, body: Readable.from([Buffer.from(body)]) } };
}

function bodyOf(body: unknown): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return Buffer.from(typeof body === 'string' ? body : '');
}

async function replyWith(fault: AwsFault | undefined, service: SimulatedService, run: () => Reply): Promise<Reply> {
  switch (fault?.kind) {
    case undefined:
    // A delayed response still arrives.
    case 'delay':
      return run();
    case 'throttle':
      return errorReply(service, ServiceError.throttling(service));
    case 'status': {
      const { status, body, headers } = statusReply(service, fault.status);
      return { status, body: fault.body ?? body, headers: fault.headers ?? headers };
    }
    case 'hang':
      return new Promise(() => undefined);
    case 'after':
      run();
      throw new Error('the connection to the service broke');
    default:
      throw new Error('the connection to the service broke');
  }
}

function replyOf(service: SimulatedService, run: () => Reply): Reply {
  try {
    return run();
  } catch (error) {
    if (error instanceof ServiceError) return errorReply(service, error);
    throw error;
  }
}

/** The value with the first letter of each member's name in this case: the API of ECS has camelCase. */
export function withCase(value: Value, convert: 'toLowerCase' | 'toUpperCase'): Value {
  if (isList(value)) return value.map((one) => withCase(one, convert));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      `${name.slice(0, 1)[convert]()}${name.slice(1)}`,
      withCase(one, convert),
    ]),
  );
}
