import type { AwsFault, Faults } from '../../faults.ts';
import type { Value } from '../json.ts';
import { ServiceError } from '../protocol/errors.ts';
import type { Execution, StateMachines } from '../stepfunctions/state-machines.ts';
import type { InvokingService } from './ecs-target.ts';

/**
 * Calls StartExecution for EventBridge and its Scheduler, with the faults of `states:StartExecution`. The target gets no
 * result of the execution: a failed one is not delivered again.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
 */
export class StateMachineInvoker {
  readonly #stateMachines: StateMachines;
  readonly #faults: Faults<AwsFault>;

  constructor(stateMachines: StateMachines, faults: Faults<AwsFault>) {
    this.#stateMachines = stateMachines;
    this.#faults = faults;
  }

  /** @throws ServiceError when Step Functions refuses the call */
  invoke(stateMachineArn: string, input: Value, service: InvokingService): Execution {
    const fault = this.#faults.matchRule({
      method: 'POST',
      path: 'states:StartExecution',
      query: new URLSearchParams(),
      headers: { 'user-agent': service },
      body: JSON.stringify(input),
    });
    if (fault?.kind === 'throttle') throw new ServiceError('ThrottlingException', 'Rate exceeded');
    if (fault?.kind === 'status') throw new ServiceError('ServiceFault', `status ${fault.status}`, fault.status);
    if (fault !== undefined && fault.kind !== 'delay') {
      throw new ServiceError('ConnectionFailure', 'the connection to Step Functions broke', 503);
    }
    return this.#stateMachines.start(stateMachineArn, input);
  }
}
