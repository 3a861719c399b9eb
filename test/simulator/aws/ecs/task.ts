/** A call of RunTask, as it was understood. */
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
  /** As it was sent. */
  rawOverrides?: unknown;
  networkConfiguration?: unknown;
};

/** What every task of a family gets, before the overrides of its own. */
export type TaskDefinition = {
  readonly family: string;
  readonly containerName: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
};

/** A task as its launcher gets it: what to run, and how to tell ECS what became of it. */
export type LaunchedTask = TaskRequest & {
  taskArn: string;
  family: string;
  /** That of the task definition, if it is known, with the overrides over it. */
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

/** The last part of an ARN, or the name itself: both are accepted wherever a cluster, task or definition is named. */
export function nameIn(arnOrName: string): string {
  return arnOrName.slice(arnOrName.lastIndexOf('/') + 1);
}

/** `arn:…:task-definition/drainer:3` → `drainer` */
export function familyOf(taskDefinition: string): string {
  return nameIn(taskDefinition).replace(/:\d+$/, '');
}
