import type { Context } from '../context.ts';
import { at, type ValueMap } from '../json.ts';

/** A resource as it would have been made. */
type Made = { readonly type: string; readonly name: string; readonly properties: ValueMap };

type Place = Pick<Context, 'accountId' | 'region' | 'partition'>;
type Identity = { readonly ref: string; readonly attributes: Readonly<Record<string, string>> };

/**
 * What Ref and Fn::GetAtt answer for a resource: each type has ways of its own.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
 */
export function identityOf({ type, name, properties }: Made, { accountId, region, partition }: Place): Identity {
  const arn = (service: string, resource: string, place = region) =>
    `arn:${partition.id}:${service}:${place}:${accountId}:${resource}`;
  const called = (property: string) => String(at(properties, property) ?? name);
  switch (type) {
    case 'AWS::IAM::Role':
      return { ref: called('RoleName'), attributes: { Arn: arn('iam', `role/${called('RoleName')}`, '') } };
    case 'AWS::ECS::Cluster':
      return { ref: called('ClusterName'), attributes: { Arn: arn('ecs', `cluster/${called('ClusterName')}`) } };
    case 'AWS::ECS::TaskDefinition':
      return { ref: arn('ecs', `task-definition/${called('Family')}:1`), attributes: {} };
    case 'AWS::Events::Rule':
      return { ref: called('Name'), attributes: { Arn: arn('events', `rule/${called('Name')}`) } };
    case 'AWS::Scheduler::Schedule': {
      const group = String(at(properties, 'GroupName') ?? 'default');
      return { ref: called('Name'), attributes: { Arn: arn('scheduler', `schedule/${group}/${called('Name')}`) } };
    }
    case 'AWS::SQS::Queue': {
      const queue = called('QueueName');
      const url = `https://sqs.${region}.${partition.dnsSuffix}/${accountId}/${queue}`;
      return { ref: url, attributes: { Arn: arn('sqs', queue), QueueName: queue, QueueUrl: url } };
    }
    case 'AWS::SNS::Topic': {
      const topic = arn('sns', called('TopicName'));
      return { ref: topic, attributes: { TopicArn: topic, TopicName: called('TopicName') } };
    }
    case 'AWS::Logs::LogGroup': {
      const group = called('LogGroupName');
      return { ref: group, attributes: { Arn: arn('logs', `log-group:${group}:*`) } };
    }
    case 'AWS::EC2::SecurityGroup':
      return { ref: 'sg-0123456789abcdef0', attributes: { GroupId: 'sg-0123456789abcdef0' } };
    case 'AWS::CloudWatch::Alarm':
      return { ref: called('AlarmName'), attributes: { Arn: arn('cloudwatch', `alarm:${called('AlarmName')}`) } };
    case 'AWS::EKS::AccessEntry': {
      const entry = arn('eks', `access-entry/${called('ClusterName')}/role/${accountId}/drainer/0`);
      return { ref: `${called('PrincipalArn')}|${called('ClusterName')}`, attributes: { AccessEntryArn: entry } };
    }
    case 'AWS::AutoScaling::LifecycleHook':
      return { ref: called('LifecycleHookName'), attributes: {} };
    default:
      return { ref: name, attributes: {} };
  }
}
