import type { AwsFault, Faults } from '../../faults.ts';
import type { RunTaskOperation } from '../ecs/run-task.ts';
import type { Task, TaskRefusal } from '../ecs/task.ts';
import { at, listAt, mapAt, textAt, type Value, type ValueMap } from '../json.ts';
import { ServiceError, statusReply } from '../protocol/errors.ts';

/** A target that is an ECS cluster, with the parameters of its RunTask call. */
type TaskTarget = {
  readonly cluster: string;
  /** The target's EcsParameters, as the template has them. */
  readonly parameters: ValueMap;
  readonly startedBy: string;
  readonly overrides: Value;
};

/**
 * The RunTask call that EventBridge or its Scheduler makes for a target.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html
 */
export function runTaskInput({ cluster, parameters, startedBy, overrides }: TaskTarget): ValueMap {
  // The spelling differs: AwsVpcConfiguration in rules, AwsvpcConfiguration in schedules.
  const network = {
    ...mapAt(parameters, 'NetworkConfiguration', 'AwsVpcConfiguration'),
    ...mapAt(parameters, 'NetworkConfiguration', 'AwsvpcConfiguration'),
  };
  const launchType = at(parameters, 'LaunchType');
  const group = at(parameters, 'Group');
  const strategy = listAt(parameters, 'CapacityProviderStrategy').map((item) => ({
    capacityProvider: textAt(item, 'CapacityProvider'),
    weight: Number(at(item, 'Weight') ?? 0),
    base: Number(at(item, 'Base') ?? 0),
  }));
  return {
    cluster,
    taskDefinition: textAt(parameters, 'TaskDefinitionArn'),
    count: Number(at(parameters, 'TaskCount') ?? 1),
    startedBy: startedBy.slice(0, 36),
    overrides,
    ...(launchType === undefined ? {} : { launchType }),
    ...(group === undefined ? {} : { group }),
    ...(strategy.length === 0 ? {} : { capacityProviderStrategy: strategy }),
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: at(network, 'Subnets') ?? [],
        securityGroups: at(network, 'SecurityGroups') ?? [],
        assignPublicIp: at(network, 'AssignPublicIp') ?? 'DISABLED',
      },
    },
  };
}

/** The service principal that calls RunTask. */
export type InvokingService = 'events.amazonaws.com' | 'scheduler.amazonaws.com';

/**
 * Calls RunTask for EventBridge and its Scheduler. The call stays within AWS: outages between client and simulator do
 * not affect it, but faults of `ecs:RunTask` do. Fault rules can match the caller by its user agent.
 */
export class TaskInvoker {
  readonly #calls: RunTaskOperation;
  readonly #faults: Faults<AwsFault>;

  constructor(calls: RunTaskOperation, faults: Faults<AwsFault>) {
    this.#calls = calls;
    this.#faults = faults;
  }

  /**
   * Starts a task. Returns the task, or the reason why ECS did not place it.
   * @throws ServiceError when ECS refuses the call, or when its response is lost
   */
  invoke(input: ValueMap, service: InvokingService): Task | TaskRefusal {
    const fault = this.#faults.matchRule({
      method: 'POST',
      path: 'ecs:RunTask',
      query: new URLSearchParams(),
      headers: { 'user-agent': service },
      body: JSON.stringify(input),
    });
    // A delayed response still arrives.
    if (fault === undefined || fault.kind === 'delay') return this.#run(input);
    if (fault.kind === 'throttle') throw ServiceError.throttling('ecs');
    if (fault.kind === 'status') throw errorIn(fault.body ?? statusReply('ecs', fault.status).body, fault.status);
    // ECS started the task before its response was lost.
    if (fault.kind === 'after' || fault.kind === 'half-body') this.#run(input);
    throw new ServiceError('ConnectionFailure', 'the connection to ECS broke', 503);
  }

  #run(input: ValueMap): Task | TaskRefusal {
    const { tasks, failures } = this.#calls.call(input);
    return tasks[0] ?? failures[0] ?? { reason: 'ECS returned neither a task nor a failure' };
  }
}

function errorIn(body: string | Buffer, status: number): ServiceError {
  const code = /"__type":\s*"(?:[^"]*#)?([^"]+)"/.exec(body.toString())?.[1] ?? 'ServerException';
  const message = /"message":\s*"([^"]*)"/i.exec(body.toString())?.[1] ?? `status ${status}`;
  return new ServiceError(code, message, status);
}
