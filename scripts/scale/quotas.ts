import { type Demand, RUN_TASK_PER_SECOND } from './model.ts';

/** A quota of one account in one region. */
type Quota = {
  /** The name in Service Quotas, or a description if it is not listed there. */
  readonly name: string;
  /** Undefined: AWS does not publish it. */
  readonly defaultValue: number | undefined;
  readonly needed: (demand: Demand) => number;
  /** Where to request an increase. */
  readonly requestFrom: 'Service Quotas' | 'AWS Support' | 'not adjustable';
  readonly source: string;
  /** The figure comes from a copy or a quotation of the source. */
  readonly secondHand?: true;
};

const ECS = 'https://docs.aws.amazon.com/AmazonECS/latest';
const GENERAL = 'https://docs.aws.amazon.com/general/latest/gr';
const STEP_FUNCTIONS = 'https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html';

/** The Fargate quota of a new account, which on-demand and Spot tasks have each. */
export const DEFAULT_VCPUS = 6;

/** In the order in which they are reached. */
export const QUOTAS: readonly Quota[] = [
  {
    name: 'Fargate On-Demand vCPU resource count',
    defaultValue: DEFAULT_VCPUS,
    needed: ({ vcpus }) => vcpus,
    requestFrom: 'Service Quotas',
    source: `${GENERAL}/ecs-service.html`,
    secondHand: true,
  },
  {
    name: 'Fargate Spot vCPU resource count, with `FARGATE_SPOT`',
    defaultValue: DEFAULT_VCPUS,
    needed: ({ vcpusOfDrains }) => vcpusOfDrains,
    requestFrom: 'Service Quotas',
    source: `${GENERAL}/ecs-service.html`,
    secondHand: true,
  },
  {
    name: 'RunTask calls per second',
    defaultValue: RUN_TASK_PER_SECOND,
    needed: ({ events }) => events,
    requestFrom: 'Service Quotas',
    source: `${ECS}/developerguide/throttling.html`,
  },
  {
    name: 'Fargate task launches per second, on demand and Spot each (burst of 100; 5 in some regions)',
    defaultValue: 20,
    needed: ({ starts }) => starts,
    requestFrom: 'Service Quotas',
    source: `${ECS}/developerguide/throttling.html`,
  },
  {
    name: 'DescribeInstances calls per second, filtered (burst of 100)',
    defaultValue: 20,
    needed: ({ starts }) => starts,
    requestFrom: 'AWS Support',
    source: 'https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html',
    secondHand: true,
  },
  {
    name: 'DescribeCluster calls per second',
    defaultValue: undefined,
    needed: ({ starts }) => starts,
    requestFrom: 'AWS Support',
    source: 'https://github.com/awslabs/amazon-eks-ami/pull/218',
  },
  {
    name: 'Auto Scaling calls per second, all actions',
    defaultValue: undefined,
    needed: ({ autoScalingCalls, heartbeats, probeCalls, sweepCalls }) =>
      autoScalingCalls + heartbeats + probeCalls + sweepCalls,
    requestFrom: 'AWS Support',
    source: 'https://repost.aws/knowledge-center/autoscaling-api-calls-throttled',
  },
  {
    name: 'Network interfaces per Region (tasks only; nodes need more)',
    defaultValue: 5_000,
    needed: ({ addresses }) => addresses,
    requestFrom: 'Service Quotas',
    source: `${GENERAL}/vpc-service.html`,
    secondHand: true,
  },
  {
    name: 'Invocations throttle limit in transactions per second (750 to 18,750 by region)',
    defaultValue: 750,
    needed: ({ events }) => events,
    requestFrom: 'Service Quotas',
    source: 'https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html',
  },
  {
    name: 'CreateLogStream throttle limit in transactions per second',
    defaultValue: 50,
    needed: ({ starts }) => starts,
    requestFrom: 'Service Quotas',
    source: 'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html',
  },
  {
    name: 'ListTasks and DescribeTasks calls per second (burst of 100)',
    defaultValue: 20,
    needed: ({ taskReads }) => taskReads,
    requestFrom: 'AWS Support',
    source: `${ECS}/APIReference/request-throttling.html`,
  },
  {
    name: 'StartExecution calls per second, Express (StartSyncExecution has no fixed limit)',
    defaultValue: 6_000,
    needed: ({ stateMachines }) => stateMachines,
    requestFrom: 'Service Quotas',
    source: STEP_FUNCTIONS,
    secondHand: true,
  },
  {
    name: 'STS requests per second, one per new token',
    defaultValue: 600,
    needed: ({ starts }) => starts,
    requestFrom: 'not adjustable',
    source: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html',
    secondHand: true,
  },
  {
    name: 'Rate of GetAuthorizationToken requests (ECR)',
    defaultValue: 500,
    needed: ({ starts }) => starts,
    requestFrom: 'Service Quotas',
    source: `${GENERAL}/ecr.html`,
  },
];
