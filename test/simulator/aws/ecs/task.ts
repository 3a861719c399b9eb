/** The input of a RunTask call. */
export type TaskRequest = {
  cluster: string;
  taskDefinition: string;
  launchType?: string;
  capacityProvider?: string;
  group?: string;
  startedBy?: string;
  tags: readonly { key: string; value: string }[];
  containerName: string;
  /** The environment of the container override. */
  overrides: Record<string, string>;
  command?: readonly string[];
  /** The unchanged overrides of the request. */
  rawOverrides?: unknown;
  networkConfiguration?: unknown;
};

/** The defaults of every task of a family, before overrides. */
export type TaskDefinition = {
  readonly family: string;
  readonly containerName: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};

/** A task for the launcher: what to run, and callbacks that report its state to ECS. */
export type LaunchedTask = TaskRequest & {
  taskArn: string;
  family: string;
  /** The environment of the task definition (if known), with the overrides applied. */
  environment: Record<string, string>;
  /** StopTask was called: send SIGTERM, and SIGKILL after the stop timeout. */
  stopSignal: AbortSignal;
  running(): void;
  stopped(exitCode?: number, reason?: string): void;
};

export type Task = TaskRequest & {
  taskArn: string;
  clusterArn: string;
  taskDefinitionArn: string;
  family: string;
  lastStatus: 'PROVISIONING' | 'RUNNING' | 'DEACTIVATING' | 'STOPPED';
  desiredStatus: 'RUNNING' | 'STOPPED';
  createdAt: number;
  startedAt?: number;
  stoppedAt?: number;
  exitCode?: number;
  stopCode?: 'EssentialContainerExited' | 'UserInitiated' | 'TaskFailedToStart';
  stoppedReason?: string;
};

export type TaskRefusal = { reason: string; detail?: string };

/** The last part of an ARN, or the name itself. ECS accepts both for clusters, tasks and task definitions. */
export function nameIn(arnOrName: string): string {
  return arnOrName.slice(arnOrName.lastIndexOf('/') + 1);
}

/** `arn:…:task-definition/drainer:3` → `drainer` */
export function familyOf(taskDefinition: string): string {
  return nameIn(taskDefinition).replace(/:\d+$/, '');
}
