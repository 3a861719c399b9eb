import type { Context } from '../context.ts';
import { at, isMap, mapAt, textAt, type Value, type ValueMap } from '../json.ts';
import { evaluate, holds, type Scope } from './intrinsic-functions.ts';
import { brokenAssertions, parameterValues, TemplateRefusal } from './parameters.ts';
import { identityOf } from './return-values.ts';
import { readDocument } from './template.ts';

export type Resource = { readonly type: string; readonly properties: ValueMap };

/** What a template comes to, once everything that it leaves open is known. */
export type Stack = {
  readonly name: string;
  /** By logical ID; those whose condition does not hold are not there. */
  readonly resources: ReadonlyMap<string, Resource>;
  readonly outputs: Readonly<Record<string, string>>;
};

type StackOptions = {
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly context: Pick<Context, 'accountId' | 'region' | 'partition'>;
};

/**
 * Works a template out, as CloudFormation does before it makes anything.
 * @throws TemplateRefusal for parameters that the template's constraints or rules refuse
 */
export function stackOf(template: string, options: StackOptions): Stack {
  const { name = 'node-drainer', context } = options;
  const document = readDocument(template);
  const parameters = parameterValues(mapAt(document, 'Parameters'), options.parameters ?? {});
  const declared = mapAt(document, 'Resources');
  const pseudo: Readonly<Record<string, string>> = {
    'AWS::AccountId': context.accountId,
    'AWS::Partition': context.partition.id,
    'AWS::Region': context.region,
    'AWS::StackName': name,
    'AWS::URLSuffix': context.partition.dnsSuffix,
  };

  const isWanted = (thing: Value | undefined) => {
    const condition = at(thing, 'Condition');
    return condition === undefined || scope.condition(String(condition));
  };
  const isMade = (id: string) => Object.hasOwn(declared, id) && isWanted(at(declared, id));
  const identity = (id: string) => {
    if (!isMade(id)) throw new Error(`there is no resource ${id} to refer to`);
    const properties = mapAt(declared, id, 'Properties');
    // What has a name of its own has it in plain properties; all of them could refer back to this one.
    const plain = Object.entries(properties).flatMap(([key, value]): [string, Value][] => {
      const isOwn = /Name$|^Family$|^PrincipalArn$/.test(key);
      const evaluated = isOwn ? evaluate(value, scope) : undefined;
      return evaluated === undefined ? [] : [[key, evaluated]];
    });
    const made = { type: textAt(declared, id, 'Type'), name: `${name}-${id}`, properties: Object.fromEntries(plain) };
    return identityOf(made, context);
  };
  const scope: Scope = {
    ref(target) {
      if (target === 'AWS::NoValue') return undefined;
      return pseudo[target] ?? parameters.get(target) ?? identity(target).ref;
    },
    attribute(id, attribute) {
      const value = identity(id).attributes[attribute];
      if (value === undefined) throw new Error(`${id} has no attribute ${attribute}`);
      return value;
    },
    condition(target) {
      const condition = at(document, 'Conditions', target);
      if (condition === undefined) throw new Error(`there is no condition ${target}`);
      return holds(condition, scope);
    },
  };

  const broken = brokenAssertions(mapAt(document, 'Rules'), (condition) => holds(condition, scope));
  if (broken.length > 0) throw new TemplateRefusal(broken);
  const resources = Object.keys(declared)
    .filter(isMade)
    .map((id): [string, Resource] => {
      const properties = evaluate(mapAt(declared, id, 'Properties'), scope);
      return [id, { type: textAt(declared, id, 'Type'), properties: isMap(properties) ? properties : {} }];
    });
  const outputs = Object.entries(mapAt(document, 'Outputs'))
    .filter(([, output]) => isWanted(output))
    .map(([id, output]): [string, string] => [id, String(evaluate(at(output, 'Value') ?? '', scope))]);
  return { name, resources: new Map(resources), outputs: Object.fromEntries(outputs) };
}

/** The resource with this logical ID. */
export function resourceOf({ resources }: Stack, id: string): Resource {
  const resource = resources.get(id);
  if (resource === undefined) throw new Error(`the stack has no resource ${id}`);
  return resource;
}
