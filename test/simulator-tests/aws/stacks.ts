/** A template with a rule that starts a task for each event of the source `test`; `more` adds target properties. */
export function ruleStack(more = ''): string {
  return `
Resources:
  Definition:
    Type: AWS::ECS::TaskDefinition
    Properties: { Family: drainer, ContainerDefinitions: [{ Name: drainer, Command: [drain] }] }
  Queue: { Type: AWS::SQS::Queue, Properties: { QueueName: letters } }
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [test] }
      Targets:
        - Arn: arn:aws:ecs:eu-central-1:123456789012:cluster/drainers
          ${more}
          EcsParameters:
            TaskDefinitionArn: !Ref Definition
            LaunchType: FARGATE
            NetworkConfiguration: { AwsVpcConfiguration: { Subnets: [subnet-1] } }
          InputTransformer:
            InputPathsMap: { number: $.detail.n }
            InputTemplate: '{"containerOverrides":[{"name":"drainer","environment":[{"name":"N","value":"<number>"}]}]}'
`;
}

/** A template with schedules that pass their context attributes to the environment of a task. */
export function scheduleStack(schedules: Readonly<Record<string, string>>): string {
  const one = ([id, more]: [string, string]) => `
  ${id}:
    Type: AWS::Scheduler::Schedule
    Properties:
      ${more}
      FlexibleTimeWindow: { Mode: 'OFF' }
      Target:
        Arn: arn:aws:ecs:eu-central-1:123456789012:cluster/drainers
        RoleArn: arn:aws:iam::123456789012:role/scheduler
        EcsParameters:
          TaskDefinitionArn: arn:aws:ecs:eu-central-1:123456789012:task-definition/drainer:1
          LaunchType: FARGATE
          NetworkConfiguration: { AwsvpcConfiguration: { Subnets: [subnet-1] } }
        Input: >-
          {"containerOverrides":[{"name":"drainer","command":["sweep"],"environment":[
          {"name":"AT","value":"<aws.scheduler.scheduled-time>"},{"name":"RUN","value":"<aws.scheduler.execution-id>"},
          {"name":"ARN","value":"<aws.scheduler.schedule-arn>"}]}]}`;
  return `Resources:${Object.entries(schedules).map(one).join('')}\n`;
}
