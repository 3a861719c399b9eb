import { type Demand, RUN_TASK_PER_SECOND } from './model.ts';

/** A limit of one account in one region. */
type Quota = {
  /** As Service Quotas calls it; in words where it is not there. */
  readonly name: string;
  readonly default: number | undefined;
  readonly needed: (demand: Demand) => number;
  /** Where it is raised. */
  readonly raised: 'Service Quotas' | 'AWS Support' | 'not adjustable';
  readonly source: string;
  /** The figure was read in a copy or a quotation of the source only. */
  readonly secondHand?: true;
};

const ECS = 'https://docs.aws.amazon.com/AmazonECS/latest';
const GENERAL = 'https://docs.aws.amazon.com/general/latest/gr';

/** Of Fargate, as a new account has them at the most. */
export const DEFAULT_VCPUS = 6;

/** In the order in which they break. */
export const QUOTAS: readonly Quota[] = [
  {
    name: 'Fargate On-Demand vCPU resource count',
    default: DEFAULT_VCPUS,
    needed: ({ vcpus }) => vcpus,
    raised: 'Service Quotas',
    source: `${GENERAL}/ecs-service.html`,
    secondHand: true,
  },
  {
    name: 'RunTask calls a second',
    default: RUN_TASK_PER_SECOND,
    needed: ({ events }) => events,
    raised: 'Service Quotas',
    source: `${ECS}/developerguide/throttling.html`,
  },
  {
    name: 'Fargate task launches a second (100 at first)',
    default: 20,
    needed: ({ starts }) => starts,
    raised: 'Service Quotas',
    source: `${ECS}/developerguide/throttling.html`,
  },
  {
    name: 'DescribeInstances a second, filtered (100 at first)',
    default: 20,
    needed: ({ starts }) => starts,
    raised: 'AWS Support',
    source: 'https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html',
    secondHand: true,
  },
  {
    name: 'DescribeCluster a second',
    default: undefined,
    needed: ({ starts }) => starts,
    raised: 'AWS Support',
    source: 'https://github.com/awslabs/amazon-eks-ami/pull/218',
  },
  {
    name: 'Auto Scaling calls a second, of all kinds',
    default: undefined,
    needed: ({ autoScalingCalls, sweepCalls }) => autoScalingCalls + sweepCalls,
    raised: 'AWS Support',
    source: 'https://repost.aws/knowledge-center/autoscaling-api-calls-throttled',
  },
  {
    name: 'Network interfaces per Region (tasks only; nodes have theirs)',
    default: 5_000,
    needed: ({ addresses }) => addresses,
    raised: 'Service Quotas',
    source: `${GENERAL}/vpc-service.html`,
    secondHand: true,
  },
  {
    name: 'Invocations throttle limit in transactions per second (750 to 18,750 by region)',
    default: 750,
    needed: ({ events }) => events,
    raised: 'Service Quotas',
    source: 'https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html',
  },
  {
    name: 'CreateLogStream throttle limit in transactions per second',
    default: 50,
    needed: ({ starts }) => starts,
    raised: 'Service Quotas',
    source: 'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html',
  },
  {
    name: 'ListTasks and DescribeTasks a second (100 at first)',
    default: 20,
    needed: ({ sweepTaskReads }) => sweepTaskReads,
    raised: 'AWS Support',
    source: `${ECS}/APIReference/request-throttling.html`,
  },
  {
    name: 'STS requests a second, one for each new token',
    default: 600,
    needed: ({ starts }) => starts,
    raised: 'not adjustable',
    source: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html',
    secondHand: true,
  },
  {
    name: 'Rate of GetAuthorizationToken requests (ECR)',
    default: 500,
    needed: ({ starts }) => starts,
    raised: 'Service Quotas',
    source: `${GENERAL}/ecr.html`,
  },
];
