import type { Stack } from '../cloudformation/stack.ts';
import { at, listAt, textAt, type ValueMap } from '../json.ts';
import type { TaskDefinition } from './task.ts';

/** The task definitions of a stack. */
export function taskDefinitionsOf({ resources }: Stack): TaskDefinition[] {
  return [...resources.values()]
    .filter(({ type }) => type === 'AWS::ECS::TaskDefinition')
    .map(({ properties }) => toTaskDefinition(properties));
}

/** Reads the first container of a task definition. */
function toTaskDefinition(properties: ValueMap): TaskDefinition {
  const container = at(properties, 'ContainerDefinitions', 0);
  const pairs = listAt(container, 'Environment').map((pair) => [textAt(pair, 'Name'), textAt(pair, 'Value')] as const);
  return {
    family: textAt(properties, 'Family'),
    containerName: textAt(container, 'Name'),
    command: listAt(container, 'Command').map(String),
    environment: Object.fromEntries(pairs),
  };
}
