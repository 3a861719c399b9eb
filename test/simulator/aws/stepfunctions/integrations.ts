import type { AwsFault, Faults } from '../../faults.ts';
import type { RunTaskOperation } from '../ecs/run-task.ts';
import { isMap, textAt, type Value } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { AwsRequest, Operation } from '../protocol/message.ts';
import { type SdkCall, sdkCall, withCase } from './sdk-call.ts';
import { StatesError } from './states-error.ts';

/** A call that a state machine made. */
export type TaskCall = {
  /** The IAM action, as `ecs:RunTask`. */
  readonly action: string;
  readonly parameters: Value;
};

export type Message = { readonly queueUrl: string; readonly body: string };

type Parts = {
  readonly services: Readonly<Record<'autoscaling' | 'ec2' | 'ecs', (request: AwsRequest) => Operation>>;
  readonly runTask: RunTaskOperation;
  readonly faults: Faults<AwsFault>;
  readonly region: string;
  readonly accountId: string;
  /** Runs an Express workflow to its end. */
  readonly startSync: (stateMachineArn: string, input: string) => Promise<Value>;
  readonly sent: Message[];
};

/**
 * The service integrations of Step Functions: optimized ones (`ecs:runTask`, `sqs:sendMessage`) and those of the AWS SDK.
 * Calls stay within AWS: outages between client and simulator do not affect them, but faults of the operation do. Their
 * user agent is `states.amazonaws.com`.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
 */
export class Integrations {
  readonly calls: TaskCall[] = [];
  readonly #parts: Parts;
  readonly #sdk: SdkCall;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#sdk = sdkCall(parts);
  }

  /** @throws StatesError when the service refuses the call */
  async call(resource: string, parameters: Value): Promise<Value> {
    const [, , , , , ...rest] = resource.split(':');
    const [service = '', api = '', operation = ''] = rest;
    if (service === 'aws-sdk') return this.#callSdk(api, operation, parameters);
    switch (`${service}:${api}`) {
      case 'ecs:runTask':
        return this.#runTask(parameters);
      case 'sqs:sendMessage':
        return this.#sendMessage(parameters);
      default:
        throw new StatesError('States.Runtime', `the simulator does not support ${resource}`);
    }
  }

  async #callSdk(service: string, operation: string, parameters: Value): Promise<Value> {
    const name = `${operation.slice(0, 1).toUpperCase()}${operation.slice(1)}`;
    this.calls.push({ action: `${service === 'sfn' ? 'states' : service}:${name}`, parameters });
    if (service === 'sfn' && name === 'StartSyncExecution') {
      return this.#parts.startSync(textAt(parameters, 'StateMachineArn'), textAt(parameters, 'Input'));
    }
    return this.#sdk(service, name, parameters);
  }

  /**
   * RunTask that does not wait for the task. Its response can have Failures: the state does not fail.
   * @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
   */
  async #runTask(parameters: Value): Promise<Value> {
    this.calls.push({ action: 'ecs:RunTask', parameters });
    const input = withCase(parameters, 'toLowerCase');
    const fault = this.#parts.faults.matchRule({
      method: 'POST',
      path: 'ecs:RunTask',
      query: new URLSearchParams(),
      headers: { 'user-agent': 'states.amazonaws.com' },
      body: JSON.stringify(input),
    });
    if (fault !== undefined && fault.kind !== 'delay') {
      if (fault.kind === 'after') this.#run(input);
      throw new StatesError('ECS.AmazonECSException', `RunTask failed: ${JSON.stringify(fault)}`);
    }
    return this.#run(input);
  }

  #run(input: Value): Value {
    try {
      const { tasks, failures } = this.#parts.runTask.call(isMap(input) ? input : {});
      const result: Value = JSON.parse(JSON.stringify({ tasks, failures }));
      return withCase(result, 'toUpperCase');
    } catch (error) {
      if (error instanceof ServiceError) throw new StatesError('ECS.AmazonECSException', error.message);
      throw error;
    }
  }

  #sendMessage(parameters: Value): Value {
    this.calls.push({ action: 'sqs:SendMessage', parameters });
    const body = isMap(parameters) ? (parameters['MessageBody'] ?? '') : '';
    this.#parts.sent.push({
      queueUrl: textAt(parameters, 'QueueUrl'),
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { MessageId: String(this.#parts.sent.length) };
  }
}
