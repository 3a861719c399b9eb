import { at, listAt, mapAt, textAt, type Value, type ValueMap } from '../json.ts';

/** A target that is an ECS cluster, and the call of RunTask that it stands for. */
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
  // The two services do not write it alike: AwsVpcConfiguration in rules, AwsvpcConfiguration in schedules.
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
