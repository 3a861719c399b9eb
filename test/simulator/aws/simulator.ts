import { randomBytes } from 'node:crypto';
import { Faults } from '../faults.ts';
import { AccessKeys } from './access-keys.ts';
import { autoScaling } from './autoscaling.ts';
import { Buckets, storedObject } from './buckets.ts';
import { type Stack, stackOf } from './cloudformation/stack.ts';
import type { ValueMap } from './cloudformation/value.ts';
import { ContainerCredentials } from './container-credentials.ts';
import { type AwsOptions, contextOf, privateDnsNameOf } from './context.ts';
import { dispatcher, type ServedRequest } from './dispatcher.ts';
import { ec2 } from './ec2.ts';
import { ecs } from './ecs.ts';
import { type Cluster, eks } from './eks.ts';
import { type DeadLetter, EventBridge, type Notification } from './event-bridge.ts';
import { Fleet } from './fleet.ts';
import type { LifecycleAction, LifecycleActionResult, LifecycleTransition } from './lifecycle.ts';
import type { LifecycleActionEvent } from './lifecycle-event.ts';
import { s3 } from './s3.ts';
import { serve } from './server.ts';
import { sts } from './sts.ts';
import type { LaunchedTask, Task, TaskRefusal } from './task.ts';
import { Tasks } from './tasks.ts';
import { verifyToken } from './token.ts';

export type { AwsOptions };

export type AwsSimulator = {
  readonly url: string;
  /** What a client process needs, with static keys. */
  readonly environment: Record<string, string>;
  /** The same with the task role's rotating credentials instead of static keys. */
  environmentWithContainerCredentials(): Record<string, string>;
  readonly faults: Faults;
  readonly requests: readonly ServedRequest[];
  /** Every secret key and session token that was given out so far. */
  readonly secrets: readonly string[];
  createAutoScalingGroup(group: { name: string; tags?: Record<string, string>; desiredCapacity?: number }): void;
  putLifecycleHook(hook: {
    autoScalingGroupName: string;
    lifecycleHookName: string;
    transition?: LifecycleTransition;
    /** Seconds. */
    heartbeatTimeout?: number;
    defaultResult?: LifecycleActionResult;
    notificationMetadata?: string;
  }): void;
  launchInstance(instance: {
    instanceId: string;
    autoScalingGroupName?: string;
    privateDnsName?: string;
    tags?: Record<string, string>;
  }): void;
  /** The events that EventBridge would deliver: one for each terminating hook. */
  terminateInstance(instanceId: string): LifecycleActionEvent[];
  /** Hears of every lifecycle event, also of those that API calls cause. */
  onEvent(deliver: (event: LifecycleActionEvent) => void): () => void;
  lifecycleActions(instanceId: string): readonly LifecycleAction[];
  /** Where the instance is in its group's lifecycle; undefined if it was never launched. */
  lifecycleState(instanceId: string): string | undefined;
  createBucket(bucket: string): void;
  putObject(bucket: string, key: string, body: string): void;
  createCluster(cluster: { name: string; endpoint: string; certificateAuthority: string; status?: string }): void;
  rotateCredentials(options?: { lifetimeSeconds?: number }): void;
  verifyToken(token: string, clusterName: string): { arn: string } | { error: string };
  /** How ECS tasks are really run. Without it a task is RUNNING at once. */
  onRunTask(launch: (task: LaunchedTask) => void): void;
  /** Makes RunTask answer 200 with `failures[]`. */
  refuseTasks(refusal: TaskRefusal, options?: { times?: number }): { end(): void };
  readonly tasks: readonly Task[];
  /** Makes of a CloudFormation template what EventBridge and ECS need to run its tasks: rules and task definitions. */
  deploy(template: string, parameters?: Readonly<Record<string, string>>): Stack;
  /** An event on the default bus. Those of lifecycle hooks and of tasks come by themselves. */
  putEvent(event: ValueMap): void;
  /** Events whose targets could not be invoked. */
  readonly deadLetters: readonly DeadLetter[];
  /** What rules published to SNS topics. */
  readonly notifications: readonly Notification[];
  stop(): Promise<void>;
};

/** Starts the simulated AWS: Auto Scaling, EC2, ECS, EKS, S3, STS and the credentials endpoint, on one HTTP port. */
export async function startAws(options: AwsOptions = {}): Promise<AwsSimulator> {
  const context = contextOf(options);
  const { accountId, partition, region, now } = context;
  const faults = new Faults();
  const keys = new AccessKeys();
  const fleet = new Fleet(context);
  const buckets = new Buckets();
  const clusters = new Map<string, Cluster>();
  const tasks = new Tasks(context);
  const container = new ContainerCredentials(keys, context);
  const bus = new EventBridge(tasks, context);
  fleet.onEvent((event) => bus.deliver(event));
  const requests: ServedRequest[] = [];

  const staticKey = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    ...options.accessKey,
    arn: `arn:${partition.id}:iam::${accountId}:user/simulated`,
    userId: 'AIDASIMULATEDUSER',
    accountId,
  };
  keys.add(staticKey);

  const recognise = dispatcher({
    services: {
      autoscaling: autoScaling(fleet, context),
      ec2: ec2(fleet, context),
      ecs: ecs(tasks, context),
      eks: eks(clusters),
      s3: s3(buckets, context),
      sts: sts(),
    },
    container,
    keys,
    context,
    requests,
  });
  const host = options.host ?? '127.0.0.1';
  const server = await serve({ host, port: options.port ?? 0, faults, now, recognise });
  const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${server.port}`;
  const place = { AWS_ENDPOINT_URL: url, AWS_REGION: region };

  return {
    url,
    environment: {
      ...place,
      AWS_ACCESS_KEY_ID: staticKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: staticKey.secretAccessKey,
    },
    environmentWithContainerCredentials: () => ({ ...place, ...container.environment(url) }),
    faults,
    requests,
    get secrets() {
      return keys.secrets();
    },
    createAutoScalingGroup: (group) => fleet.createGroup(group),
    putLifecycleHook: (hook) =>
      fleet.putHook({
        transition: 'autoscaling:EC2_INSTANCE_TERMINATING',
        heartbeatTimeout: 3600,
        defaultResult: 'ABANDON',
        ...hook,
      }),
    launchInstance: (instance) =>
      fleet.launch({ privateDnsName: privateDnsNameOf(instance.instanceId, region), tags: {}, ...instance }),
    terminateInstance: (instanceId) => fleet.terminate(instanceId),
    onEvent: (deliver) => fleet.onEvent(deliver),
    lifecycleActions: (instanceId) => fleet.actions(instanceId),
    lifecycleState: (instanceId) => {
      const instance = fleet.instance(instanceId);
      return instance && fleet.stateOf(instance);
    },
    createBucket: (bucket) => buckets.create(bucket),
    putObject: (bucket, key, body) => {
      buckets.create(bucket);
      buckets.bucket(bucket)?.set(key, storedObject(Buffer.from(body), now()));
    },
    createCluster: (cluster) => {
      const arn = `arn:${partition.id}:eks:${region}:${accountId}:cluster/${cluster.name}`;
      clusters.set(cluster.name, { status: 'ACTIVE', ...cluster, arn, createdAt: now() });
    },
    rotateCredentials: ({ lifetimeSeconds } = {}) => container.rotate(lifetimeSeconds),
    verifyToken: (token, clusterName) => verifyToken(token, clusterName, keys, context),
    onRunTask: (launch) => tasks.onLaunch(launch),
    refuseTasks: (refusal, { times = Number.POSITIVE_INFINITY } = {}) => tasks.refuse(refusal, times),
    get tasks() {
      return tasks.all();
    },
    deploy: (template, parameters = {}) => {
      const stack = stackOf(template, { parameters, context });
      bus.deploy(stack);
      return stack;
    },
    putEvent: (event) => bus.deliver(event),
    deadLetters: bus.deadLetters,
    notifications: bus.notifications,
    stop: () => server.stop(),
  };
}
