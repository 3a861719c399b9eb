/**
 * The parts of the AWS SDK in use, as one module: the bundle contains nothing else, and loads it before the first AWS call.
 */
export {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  DescribeScalingActivitiesCommand,
  RecordLifecycleActionHeartbeatCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
export { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
export { DescribeTasksCommand, ECSClient, ListTasksCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
export { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
export {
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
export { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
export { partition } from '@aws-sdk/core/client';
