/**
 * What we use of the AWS SDK, as one module: loaded when the first call to AWS is made, and without what we do not name.
 */
export {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  DescribeScalingActivitiesCommand,
  RecordLifecycleActionHeartbeatCommand,
} from '@aws-sdk/client-auto-scaling';
export { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
export { DescribeTasksCommand, ECSClient, ListTasksCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
export { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
export { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
export { partition } from '@aws-sdk/core/client';
