import { ServiceError } from '../protocol/errors.ts';
import type { TaskRequest } from './task.ts';

/** A JSON object with members that are not validated yet. */
export type Json = { readonly [name: string]: unknown };

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalidParameter(message: string): ServiceError {
  return new ServiceError('InvalidParameterException', message);
}

/** An optional string member. */
export function textIn(input: Json, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw new ServiceError('SerializationException', `${name} must be a string`);
}

/** A list member; empty when absent. */
export function listIn(input: Json, name: string): readonly unknown[] {
  const value = input[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new ServiceError('SerializationException', `${name} must be a list`);
}

function objectsIn(input: Json, name: string): Json[] {
  return listIn(input, name).filter(isJson);
}

/** `[{name, value}]`, or `[{key, value}]` for tags. */
function pairsIn(input: Json, list: string, nameField: string): [string, string][] {
  return objectsIn(input, list).map((pair) => [textIn(pair, nameField) ?? '', textIn(pair, 'value') ?? '']);
}

function containerOverride(input: Json): Json {
  const overrides = input['overrides'];
  if (!isJson(overrides)) return {};
  if (JSON.stringify(overrides).length > 8192) {
    throw invalidParameter('Container Overrides length must be at most 8192');
  }
  return objectsIn(overrides, 'containerOverrides')[0] ?? {};
}

/**
 * Reads the input of a RunTask call, with the checks that ECS does before it places a task.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
export function taskRequest(input: Json): TaskRequest {
  const taskDefinition = textIn(input, 'taskDefinition');
  if (taskDefinition === undefined) throw invalidParameter('TaskDefinition can not be null or empty');
  const startedBy = textIn(input, 'startedBy');
  // The reference of RunTask says 128; that of StartTask, 36.
  if (startedBy !== undefined && !/^[\w/-]{0,128}$/.test(startedBy)) {
    throw invalidParameter('startedBy takes up to 128 letters, numbers, hyphens, slashes and underscores');
  }
  const launchType = textIn(input, 'launchType');
  const [strategy] = objectsIn(input, 'capacityProviderStrategy');
  if (launchType !== undefined && strategy) {
    throw invalidParameter('Specifying both a launch type and capacity provider strategy is not supported.');
  }
  const capacityProvider = strategy === undefined ? undefined : textIn(strategy, 'capacityProvider');
  const networkConfiguration = input['networkConfiguration'];
  const isFargate = launchType === 'FARGATE' || capacityProvider?.startsWith('FARGATE') === true;
  if (isFargate && !isJson(networkConfiguration)) {
    throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  const override = containerOverride(input);
  const group = textIn(input, 'group');
  const command = listIn(override, 'command').map(String);
  return {
    cluster: textIn(input, 'cluster') ?? 'default',
    taskDefinition,
    tags: pairsIn(input, 'tags', 'key').map(([key, value]) => ({ key, value })),
    containerName: textIn(override, 'name') ?? '',
    overrides: Object.fromEntries(pairsIn(override, 'environment', 'name')),
    ...(launchType === undefined ? {} : { launchType }),
    ...(capacityProvider === undefined ? {} : { capacityProvider }),
    ...(group === undefined ? {} : { group }),
    ...(startedBy === undefined ? {} : { startedBy }),
    ...(command.length === 0 ? {} : { command }),
    ...(input['overrides'] === undefined ? {} : { rawOverrides: input['overrides'] }),
    ...(networkConfiguration === undefined ? {} : { networkConfiguration }),
  };
}
