import type { Context } from '../context.ts';
import { at, type ValueMap } from '../json.ts';

/** A resource as CloudFormation would create it. */
type CreatedResource = { readonly type: string; readonly name: string; readonly properties: ValueMap };

type Account = Pick<Context, 'accountId' | 'region' | 'partition'>;
type ReturnValues = { readonly ref: string; readonly attributes: Readonly<Record<string, string>> };

/**
 * The return values of Ref and Fn::GetAtt, which differ between resource types.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
 */
export function returnValuesOf(
  { type, name, properties }: CreatedResource,
  { accountId, region, partition }: Account,
): ReturnValues {
  const arn = (service: string, resource: string, place = region) =>
    `arn:${partition.id}:${service}:${place}:${accountId}:${resource}`;
  const nameFrom = (property: string) => String(at(properties, property) ?? name);
  switch (type) {
    case 'AWS::IAM::Role':
      return { ref: nameFrom('RoleName'), attributes: { Arn: arn('iam', `role/${nameFrom('RoleName')}`, '') } };
    case 'AWS::ECS::Cluster':
      return { ref: nameFrom('ClusterName'), attributes: { Arn: arn('ecs', `cluster/${nameFrom('ClusterName')}`) } };
    case 'AWS::ECS::TaskDefinition':
      return { ref: arn('ecs', `task-definition/${nameFrom('Family')}:1`), attributes: {} };
    case 'AWS::Events::Rule':
      return { ref: nameFrom('Name'), attributes: { Arn: arn('events', `rule/${nameFrom('Name')}`) } };
    case 'AWS::Scheduler::Schedule': {
      const group = String(at(properties, 'GroupName') ?? 'default');
      return { ref: nameFrom('Name'), attributes: { Arn: arn('scheduler', `schedule/${group}/${nameFrom('Name')}`) } };
    }
    case 'AWS::SQS::Queue': {
      const queue = nameFrom('QueueName');
      const url = `https://sqs.${region}.${partition.dnsSuffix}/${accountId}/${queue}`;
      return { ref: url, attributes: { Arn: arn('sqs', queue), QueueName: queue, QueueUrl: url } };
    }
    case 'AWS::SNS::Topic': {
      const topic = arn('sns', nameFrom('TopicName'));
      return { ref: topic, attributes: { TopicArn: topic, TopicName: nameFrom('TopicName') } };
    }
    case 'AWS::Logs::LogGroup': {
      const group = nameFrom('LogGroupName');
      return { ref: group, attributes: { Arn: arn('logs', `log-group:${group}:*`) } };
    }
    case 'AWS::EC2::SecurityGroup':
      return { ref: 'sg-0123456789abcdef0', attributes: { GroupId: 'sg-0123456789abcdef0' } };
    case 'AWS::CloudWatch::Alarm':
      return { ref: nameFrom('AlarmName'), attributes: { Arn: arn('cloudwatch', `alarm:${nameFrom('AlarmName')}`) } };
    case 'AWS::EKS::AccessEntry': {
      const entry = arn('eks', `access-entry/${nameFrom('ClusterName')}/role/${accountId}/drainer/0`);
      return { ref: `${nameFrom('PrincipalArn')}|${nameFrom('ClusterName')}`, attributes: { AccessEntryArn: entry } };
    }
    case 'AWS::StepFunctions::StateMachine': {
      const machine = arn('states', `stateMachine:${nameFrom('StateMachineName')}`);
      return { ref: machine, attributes: { Arn: machine, Name: nameFrom('StateMachineName') } };
    }
    case 'AWS::AutoScaling::LifecycleHook':
      return { ref: nameFrom('LifecycleHookName'), attributes: {} };
    default:
      return { ref: name, attributes: {} };
  }
}
