import { randomBytes } from 'node:crypto';
import { type AwsFault, Faults } from '../faults.ts';
import type { Refusal } from '../listener.ts';
import { autoScaling } from './autoscaling/api.ts';
import { Fleet } from './autoscaling/fleet.ts';
import type { NewGroup } from './autoscaling/group.ts';
import type { LifecycleAction, LifecycleActionResult, LifecycleTransition } from './autoscaling/lifecycle.ts';
import type { LifecycleActionEvent } from './autoscaling/lifecycle-event.ts';
import type { InstanceEnd, InstanceReset, InstanceReturn } from './autoscaling/listeners.ts';
import { type Stack, stackOf } from './cloudformation/stack.ts';
import { type AwsOptions, contextOf, privateDnsNameOf } from './context.ts';
import { type Departure, departuresOf } from './departures.ts';
import { dispatcher, type ServedRequest } from './dispatcher.ts';
import { ec2 } from './ec2/api.ts';
import type { SpotAction } from './ec2/events.ts';
import { Machines } from './ec2/machines.ts';
import { ecs } from './ecs/api.ts';
import { ContainerCredentials } from './ecs/container-credentials.ts';
import { RunTaskOperation } from './ecs/run-task.ts';
import type { LaunchedTask, Task, TaskRefusal } from './ecs/task.ts';
import { taskDefinitionsOf } from './ecs/task-definition.ts';
import { taskEvent } from './ecs/task-event.ts';
import type { TaskRefusalOptions } from './ecs/task-refusals.ts';
import { Tasks } from './ecs/tasks.ts';
import { type Cluster, eks } from './eks.ts';
import { verifyToken } from './eks-token.ts';
import { elbv2 } from './elbv2/api.ts';
import { type NewTargetGroup, type Target, TargetGroups } from './elbv2/target-groups.ts';
import { TaskInvoker } from './eventbridge/ecs-target.ts';
import { type DeadLetter, EventBridge, type Notification } from './eventbridge/event-bridge.ts';
import type { EventFaults } from './eventbridge/event-faults.ts';
import { type ScheduleAnswer, type ScheduleRun, Scheduler } from './eventbridge/scheduler.ts';
import { StateMachineInvoker } from './eventbridge/state-machine-target.ts';
import type { ValueMap } from './json.ts';
import type { Notice } from './notices.ts';
import { AccessKeys } from './protocol/access-keys.ts';
import type { Rate } from './protocol/token-bucket.ts';
import { Buckets, s3, storedObject } from './s3.ts';
import { serve } from './server.ts';
import { type Execution, type Message, StateMachines, type TaskCall } from './stepfunctions/state-machines.ts';
import { sts } from './sts.ts';

export type { AwsOptions };

/** The test interface of the simulated AWS: resources, events, faults and limits. */
export type AwsSimulator = {
  readonly url: string;
  /** Environment variables for a client process, with a static access key. */
  readonly environment: Record<string, string>;
  /** Environment variables with the container credentials endpoint instead of a static access key. */
  environmentWithContainerCredentials(): Record<string, string>;
  readonly faults: Faults<AwsFault>;
  readonly requests: readonly ServedRequest[];
  /** All secret keys and session tokens issued so far. */
  readonly secrets: readonly string[];
  createAutoScalingGroup(group: NewGroup): void;
  putLifecycleHook(hook: {
    autoScalingGroupName: string;
    lifecycleHookName: string;
    transition?: LifecycleTransition;
    /** Seconds. */
    heartbeatTimeout?: number;
    defaultResult?: LifecycleActionResult;
    notificationMetadata?: string;
  }): void;
  /** Puts a new instance in service. In a group, an event `EC2 Instance Launch Successful` tells of it. */
  launchInstance(instance: {
    instanceId: string;
    autoScalingGroupName?: string;
    privateDnsName?: string;
    /** If absent, the one that the private DNS name contains. */
    privateIpAddress?: string;
    /** The addresses of each network interface. */
    networkInterfaces?: readonly (readonly string[])[];
    /** Milliseconds since the epoch; if absent, an hour ago. */
    launchTime?: number;
    tags?: Record<string, string>;
  }): void;
  /** Adds tags to the instance, or changes them. */
  tagInstance(instanceId: string, tags: Record<string, string>): void;
  /** Returns the lifecycle events: one for each terminating hook. */
  terminateInstance(instanceId: string): LifecycleActionEvent[];
  /**
   * Replaces the root volume of an instance in service, as an instance refresh does, and returns the events of the
   * terminating hooks. After them the machine restarts, and the instance enters service again through the launching hooks.
   * @param options `hasReturnEvent: false`: no event `EC2 Instance Launch Successful` follows. AWS documents the return only
   *   for groups with a launching hook.
   */
  replaceRootVolume(instanceId: string, options?: { hasReturnEvent?: boolean }): LifecycleActionEvent[];
  /** Moves an instance in service into the warm pool, and returns the events of the terminating hooks. */
  returnToWarmPool(instanceId: string): LifecycleActionEvent[];
  /** Moves an instance of the warm pool into service, through the launching hooks. */
  leaveWarmPool(instanceId: string): void;
  /** Stops the machine of the instance. Its group does nothing. */
  stopInstance(instanceId: string): void;
  startInstance(instanceId: string): void;
  /** Warns of a Spot interruption. Two minutes later (less by the time scale) EC2 ends or stops the instance without hooks. */
  interruptSpot(instanceId: string, action?: SpotAction): void;
  recommendRebalance(instanceId: string): void;
  /** Announces a scheduled change of these instances, in one event of AWS Health, and changes nothing. */
  scheduleChange(instanceIds: readonly string[], startTime: Date, eventTypeCode?: string): void;
  /**
   * Calls back for every event of a terminating hook, including those of API calls and those that `eventFaults` loses. Their
   * destination says what follows.
   */
  onEvent(deliver: (event: LifecycleActionEvent) => void): () => void;
  /** Calls back for every instance at the moment when EC2 terminates it. */
  onInstanceEnd(listener: (end: InstanceEnd) => void): () => void;
  /** Calls back at the moment when a machine goes off that can come back: everything that runs on it dies. */
  onInstanceReset(listener: (reset: InstanceReset) => void): () => void;
  /** Calls back at the moment when a machine runs again after a reset. */
  onInstanceReturn(listener: (back: InstanceReturn) => void): () => void;
  /** What EC2 and AWS Health have announced for the instance. */
  notices(instanceId: string): readonly Notice[];
  /** Why the instance is, or was, to be drained: its lifecycle actions, and what EC2 and AWS Health announced. */
  departures(instanceId: string): readonly Departure[];
  /** All lifecycle actions of the instance, the oldest first. */
  lifecycleActions(instanceId: string): readonly LifecycleAction[];
  /** The lifecycle state of the instance. Undefined if it was never launched. */
  lifecycleState(instanceId: string): string | undefined;
  /** Creates a target group, and returns its ARN. */
  createTargetGroup(group: NewTargetGroup): string;
  deleteTargetGroup(arn: string): void;
  /** Registers an instance or an IP address, as a controller or a person does. */
  registerTarget(arn: string, target: Target): void;
  deregisterTarget(arn: string, target: Target): void;
  /** The target groups that send requests to one of these instances or addresses at that moment, or still have some there. */
  sendingTo(ids: readonly string[], at: number): readonly { group: string; state: 'registered' | 'draining' }[];
  createBucket(bucket: string): void;
  putObject(bucket: string, key: string, body: string): void;
  createCluster(cluster: { name: string; endpoint: string; certificateAuthority: string; status?: string }): void;
  /** Issues new task credentials. The old ones expire at once. */
  rotateCredentials(options?: { lifetimeSeconds?: number }): void;
  verifyToken(token: string, clusterName: string): { arn: string } | { error: string };
  /** Sets the launcher that runs ECS tasks. Without a launcher, a task is RUNNING at once. */
  onRunTask(launch: (task: LaunchedTask) => void): void;
  /** Makes RunTask return 200 with `failures[]`. */
  refuseTasks(refusal: TaskRefusal, options?: TaskRefusalOptions): { end(): void };
  /** Throttles RunTask calls of all callers beyond this rate; undefined removes the limit. */
  limitRunTask(rate: Rate | undefined): void;
  /** Limits concurrent tasks: beyond it RunTask returns 200 with `failures[]`; undefined removes the limit. */
  limitConcurrentTasks(quota: number | undefined): void;
  readonly tasks: readonly Task[];
  /** Deploys the rules, schedules, state machines and task definitions of a CloudFormation template. */
  deploy(template: string, parameters?: Readonly<Record<string, string>>, options?: { name?: string }): Stack;
  /**
   * Invokes the target of a schedule once. The name is optional if there is only one schedule; the default of the
   * scheduled time is the clock of the simulator. @throws Error if the schedule is unknown, ambiguous or DISABLED
   */
  runSchedule(logicalIdOrName?: string, scheduledTime?: Date): ScheduleAnswer;
  /**
   * Invokes every enabled schedule each `everyMs` until `stop()`. Each run advances the scheduled time by the rate of the
   * schedule, independently of `everyMs`.
   */
  startSchedules(options: { everyMs: number; onRun?: (run: ScheduleRun) => void }): { stop(): void };
  /** Puts an event on the default bus. Lifecycle hooks and tasks emit their events without this call. */
  putEvent(event: ValueMap): void;
  /** Changes every event before it reaches the bus, until `end()`: new fields and words, as AWS adds them. */
  alterEvents(alter: (event: ValueMap) => ValueMap): { end(): void };
  /** Loses, duplicates, delays or reorders events before they reach the rules, until `end()`. Replaces earlier event faults. */
  eventFaults(faults: EventFaults): { end(): void };
  /** The number of events in transit to a rule or waiting for a retry. */
  readonly waitingEvents: number;
  /** Events that could not be delivered to their target. */
  readonly deadLetters: readonly DeadLetter[];
  /** The executions of state machines: of schedules, of rules, and of other executions. */
  readonly executions: readonly Execution[];
  /** The calls of state machines to services. */
  readonly stateMachineCalls: readonly TaskCall[];
  /** Messages that state machines sent to SQS queues. */
  readonly queueMessages: readonly Message[];
  /** Messages that rules published to SNS topics. */
  readonly notifications: readonly Notification[];
  /** Closes the port and every connection until `end()` reopens the port. Until then, connections are refused. */
  refuseConnections(): Promise<Refusal>;
  stop(): Promise<void>;
};

/** Starts the simulated AWS: Auto Scaling, EC2, ECS, EKS, S3, STS and the credentials endpoint, on one HTTP port. */
export async function startAws(options: AwsOptions = {}): Promise<AwsSimulator> {
  const context = contextOf(options);
  const { accountId, partition, region, now } = context;
  const faults = new Faults<AwsFault>();
  const keys = new AccessKeys();
  const fleet = new Fleet(context);
  const buckets = new Buckets();
  const clusters = new Map<string, Cluster>();
  const targetGroups = new TargetGroups(context);
  const tasks = new Tasks(context);
  const container = new ContainerCredentials(keys, context);
  const calls = new RunTaskOperation(tasks, context);
  const invoker = new TaskInvoker(calls, faults);
  const services = {
    autoscaling: autoScaling(fleet, context),
    ec2: ec2(fleet, context),
    ecs: ecs(tasks, calls, context),
    eks: eks(clusters),
    elasticloadbalancing: elbv2({ groups: targetGroups, isOff: (instanceId) => machines.isOff(instanceId), context }),
    s3: s3(buckets, context),
    sts: sts(),
  };
  const stateMachines = new StateMachines({ services, runTask: calls, faults }, context);
  const executions = new StateMachineInvoker(stateMachines, faults);
  const bus = new EventBridge(invoker, executions, context, options.afterRefusal ?? 'dead-letter');
  const scheduler = new Scheduler(invoker, executions, context);
  const alterations = new Set<(event: ValueMap) => ValueMap>();
  const publish = (event: ValueMap) =>
    bus.deliver([...alterations].reduce((altered, alteration) => alteration(altered), event));
  fleet.events.add(publish);
  const machines = new Machines(fleet, context, publish);
  tasks.onStopped((task) => publish(taskEvent(task, context)));
  const requests: ServedRequest[] = [];
  let exports: Readonly<Record<string, string>> = {};

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
    services,
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
    tagInstance: (instanceId, tags) => fleet.tag(instanceId, tags),
    terminateInstance: (instanceId) => fleet.terminate(instanceId),
    replaceRootVolume: (instanceId, returnOptions) => fleet.replaceRootVolume(instanceId, returnOptions),
    returnToWarmPool: (instanceId) => fleet.returnToWarmPool(instanceId),
    leaveWarmPool: (instanceId) => fleet.leaveWarmPool(instanceId),
    stopInstance: (instanceId) => machines.stop(instanceId),
    startInstance: (instanceId) => machines.start(instanceId),
    interruptSpot: (instanceId, action = 'terminate') => machines.interruptSpot(instanceId, action),
    recommendRebalance: (instanceId) => machines.recommendRebalance(instanceId),
    scheduleChange: (instanceIds, startTime, eventTypeCode) =>
      machines.scheduleChange({
        ...{ instanceIds, startTime: startTime.getTime() },
        ...(eventTypeCode === undefined ? {} : { eventTypeCode }),
      }),
    onEvent: (deliver) =>
      fleet.events.add((event) => {
        if (event['detail-type'] === 'EC2 Instance-terminate Lifecycle Action') deliver(event);
      }),
    onInstanceEnd: (listener) => fleet.power.ends.add(listener),
    onInstanceReset: (listener) => fleet.power.resets.add(listener),
    onInstanceReturn: (listener) => fleet.power.returns.add(listener),
    notices: (instanceId) => machines.notices(instanceId),
    departures: (instanceId) => {
      const instance = fleet.instance(instanceId);
      return instance === undefined ? [] : departuresOf(instance, machines.notices(instanceId), now());
    },
    lifecycleActions: (instanceId) => fleet.actions(instanceId),
    lifecycleState: (instanceId) => {
      const instance = fleet.instance(instanceId);
      return instance && fleet.stateOf(instance);
    },
    createTargetGroup: (group) => targetGroups.create(group),
    deleteTargetGroup: (arn) => targetGroups.delete(arn),
    registerTarget: (arn, target) => targetGroups.register(arn, target),
    deregisterTarget: (arn, target) => targetGroups.deregister(arn, target),
    sendingTo: (ids, at) => targetGroups.sendingTo(ids, at),
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
    deploy: (template, parameters = {}, stackOptions = {}) => {
      const stack = stackOf(template, { parameters, context, exports, ...stackOptions });
      exports = { ...exports, ...stack.exports };
      for (const definition of taskDefinitionsOf(stack)) tasks.define(definition);
      stateMachines.deploy(stack);
      bus.deploy(stack);
      scheduler.deploy(stack);
      return stack;
    },
    runSchedule: (idOrName, scheduledTime) => scheduler.run(idOrName, scheduledTime?.getTime() ?? now()),
    startSchedules: ({ everyMs, onRun = () => undefined }) => scheduler.start(everyMs, onRun),
    putEvent: publish,
    alterEvents: (alter) => {
      alterations.add(alter);
      return { end: () => void alterations.delete(alter) };
    },
    eventFaults: (eventFaults) => bus.inject(eventFaults),
    get waitingEvents() {
      return bus.waiting;
    },
    deadLetters: bus.deadLetters,
    executions: stateMachines.executions,
    stateMachineCalls: stateMachines.calls,
    queueMessages: stateMachines.messages,
    notifications: bus.notifications,
    refuseConnections: () => server.refuse(),
    stop: async () => {
      context.timers.stop();
      await server.stop();
    },
  };
}
