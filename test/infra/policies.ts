import { resourceOf, type Stack } from '../simulator/aws/cloudformation/stack.ts';
import { listAt, mapAt, textAt, type Value, type ValueMap } from '../simulator/aws/json.ts';

export type Statement = {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition: ValueMap;
};

/**
 * The statements of a role's inline policies, and of the policies attached to it.
 * @throws on a Deny statement, which these tests do not evaluate
 */
export function statementsOf(stack: Stack, role: string): Statement[] {
  const own = listAt(resourceOf(stack, role).properties, 'Policies');
  const name = `${stack.name}-${role}`;
  const others = [...stack.resources.values()]
    .filter(({ type, properties }) => type === 'AWS::IAM::Policy' && listAt(properties, 'Roles').includes(name))
    .map(({ properties }) => properties);
  return [...own, ...others].flatMap((policy) => listAt(policy, 'PolicyDocument', 'Statement')).map(statementOf);
}

/** The logical IDs of a stack's roles. */
export function rolesOf(stack: Stack): string[] {
  return [...stack.resources].filter(([, { type }]) => type === 'AWS::IAM::Role').map(([id]) => id);
}

export function statementOf(statement: Value): Statement {
  if (textAt(statement, 'Effect') !== 'Allow') throw new Error('these tests evaluate only Allow statements');
  return {
    actions: listAt(statement, 'Action').map(String),
    resources: listAt(statement, 'Resource').map(String),
    condition: mapAt(statement, 'Condition'),
  };
}

export function actionsOf(stack: Stack, role: string): string[] {
  return statementsOf(stack, role)
    .flatMap(({ actions }) => actions)
    .sort();
}

/** The statement of a role that allows an action. @throws unless exactly one does */
export function allowing(stack: Stack, role: string, action: string): Statement {
  const [found, ...others] = statementsOf(stack, role).filter(({ actions }) => actions.includes(action));
  if (found === undefined || others.length > 0) throw new Error(`${role} allows ${action} not exactly once`);
  return found;
}

/** Whether a policy's resource, with its wildcards, matches an ARN. */
export function matchesArn(pattern: string, arn: string): boolean {
  const literal = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(arn);
}
