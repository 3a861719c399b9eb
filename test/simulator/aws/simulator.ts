import { randomBytes } from 'node:crypto';
import { type AwsFault, Faults } from '../faults.ts';
import { autoScaling } from './autoscaling/api.ts';
import { Fleet } from './autoscaling/fleet.ts';
import type { AwsSimulator } from './aws-simulator.ts';
import { Buckets, storedObject } from './buckets.ts';
import { stackOf } from './cloudformation/stack.ts';
import { type AwsOptions, contextOf, privateDnsNameOf } from './context.ts';
import { dispatcher, type ServedRequest } from './dispatcher.ts';
import { ec2 } from './ec2.ts';
import { ecs } from './ecs/api.ts';
import { ContainerCredentials } from './ecs/container-credentials.ts';
import { RunTaskCalls } from './ecs/run-task.ts';
import { taskDefinitionsOf } from './ecs/task-definition.ts';
import { taskEvent } from './ecs/task-event.ts';
import { Tasks } from './ecs/tasks.ts';
import { type Cluster, eks } from './eks.ts';
import { verifyToken } from './eks-token.ts';
import { EventBridge } from './eventbridge/event-bridge.ts';
import { Scheduler } from './eventbridge/scheduler.ts';
import { TaskInvoker } from './eventbridge/task-invoker.ts';
import { AccessKeys } from './protocol/access-keys.ts';
import { s3 } from './s3.ts';
import { serve } from './server.ts';
import { sts } from './sts.ts';

export type { AwsOptions, AwsSimulator };

/** Starts the simulated AWS: Auto Scaling, EC2, ECS, EKS, S3, STS and the credentials endpoint, on one HTTP port. */
export async function startAws(options: AwsOptions = {}): Promise<AwsSimulator> {
  const context = contextOf(options);
  const { accountId, partition, region, now } = context;
  const faults = new Faults<AwsFault>();
  const keys = new AccessKeys();
  const fleet = new Fleet(context);
  const buckets = new Buckets();
  const clusters = new Map<string, Cluster>();
  const tasks = new Tasks(context);
  const container = new ContainerCredentials(keys, context);
  const calls = new RunTaskCalls(tasks, context);
  const invoker = new TaskInvoker(calls, faults);
  const bus = new EventBridge(invoker, context, options.afterRefusal ?? 'dead-letter');
  const scheduler = new Scheduler(invoker, context);
  fleet.onEvent((event) => bus.deliver(event));
  tasks.onStopped((task) => bus.deliver(taskEvent(task, context)));
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
      ecs: ecs(tasks, calls, context),
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
    refuseTasks: (refusal, refusalOptions = {}) => tasks.refuse(refusal, refusalOptions),
    limitRunTask: (rate) => calls.limit(rate),
    limitConcurrentTasks: (quota) => tasks.limit(quota),
    get tasks() {
      return tasks.all();
    },
    deploy: (template, parameters = {}) => {
      const stack = stackOf(template, { parameters, context });
      for (const definition of taskDefinitionsOf(stack)) tasks.define(definition);
      bus.deploy(stack);
      scheduler.deploy(stack);
      return stack;
    },
    runSchedule: (idOrName, scheduledTime) => scheduler.run(idOrName, scheduledTime?.getTime() ?? now()),
    startSchedules: ({ everyMs, onRun = () => undefined }) => scheduler.start(everyMs, onRun),
    putEvent: (event) => bus.deliver(event),
    eventFaults: (eventFaults) => bus.disturb(eventFaults),
    get waitingEvents() {
      return bus.waiting;
    },
    deadLetters: bus.deadLetters,
    notifications: bus.notifications,
    refuseConnections: () => server.refuse(),
    stop: async () => {
      context.timers.stop();
      await server.stop();
    },
  };
}
