import type { Context } from '../context.ts';
import { at, isMap, mapAt, textAt, type Value, type ValueMap } from '../json.ts';
import { evaluate, holds, type Scope } from './intrinsic-functions.ts';
import { failedAssertions, parameterValues, TemplateValidationError } from './parameters.ts';
import { returnValuesOf } from './return-values.ts';
import { parseTemplate } from './template.ts';

export type Resource = { readonly type: string; readonly properties: ValueMap };

/** A template with all parameters, conditions and functions evaluated. */
export type Stack = {
  readonly name: string;
  /** By logical ID, without resources whose condition is false. */
  readonly resources: ReadonlyMap<string, Resource>;
  readonly outputs: Readonly<Record<string, string>>;
};

type StackOptions = {
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly context: Pick<Context, 'accountId' | 'region' | 'partition'>;
};

/**
 * Evaluates a template, as CloudFormation does before it creates any resource.
 * @throws TemplateValidationError when parameters violate the constraints or rules of the template
 */
export function stackOf(template: string, options: StackOptions): Stack {
  const { name = 'node-drainer', context } = options;
  const document = parseTemplate(template);
  const parameters = parameterValues(mapAt(document, 'Parameters'), options.parameters ?? {});
  const declared = mapAt(document, 'Resources');
  const pseudo: Readonly<Record<string, string>> = {
    'AWS::AccountId': context.accountId,
    'AWS::Partition': context.partition.id,
    'AWS::Region': context.region,
    'AWS::StackName': name,
    'AWS::URLSuffix': context.partition.dnsSuffix,
  };

  const conditionHolds = (thing: Value | undefined) => {
    const condition = at(thing, 'Condition');
    return condition === undefined || scope.condition(String(condition));
  };
  const isCreated = (id: string) => Object.hasOwn(declared, id) && conditionHolds(at(declared, id));
  const returnValues = (id: string) => {
    if (!isCreated(id)) throw new Error(`there is no resource ${id} to refer to`);
    const properties = mapAt(declared, id, 'Properties');
    // What has a name of its own has it in names properties; all of them could refer back to this one.
    const names = Object.entries(properties).flatMap(([key, value]): [string, Value][] => {
      const isName = /Name$|^Family$|^PrincipalArn$/.test(key);
      const evaluated = isName ? evaluate(value, scope) : undefined;
      return evaluated === undefined ? [] : [[key, evaluated]];
    });
    const resource = {
      type: textAt(declared, id, 'Type'),
      name: `${name}-${id}`,
      properties: Object.fromEntries(names),
    };
    return returnValuesOf(resource, context);
  };
  const scope: Scope = {
    ref(target) {
      if (target === 'AWS::NoValue') return undefined;
      return pseudo[target] ?? parameters.get(target) ?? returnValues(target).ref;
    },
    attribute(id, attribute) {
      const value = returnValues(id).attributes[attribute];
      if (value === undefined) throw new Error(`${id} has no attribute ${attribute}`);
      return value;
    },
    condition(target) {
      const condition = at(document, 'Conditions', target);
      if (condition === undefined) throw new Error(`there is no condition ${target}`);
      return holds(condition, scope);
    },
  };

  const failed = failedAssertions(mapAt(document, 'Rules'), (condition) => holds(condition, scope));
  if (failed.length > 0) throw new TemplateValidationError(failed);
  const resources = Object.keys(declared)
    .filter(isCreated)
    .map((id): [string, Resource] => {
      const properties = evaluate(mapAt(declared, id, 'Properties'), scope);
      return [id, { type: textAt(declared, id, 'Type'), properties: isMap(properties) ? properties : {} }];
    });
  const outputs = Object.entries(mapAt(document, 'Outputs'))
    .filter(([, output]) => conditionHolds(output))
    .map(([id, output]): [string, string] => [id, String(evaluate(at(output, 'Value') ?? '', scope))]);
  return { name, resources: new Map(resources), outputs: Object.fromEntries(outputs) };
}

/** The resource with this logical ID. */
export function resourceOf({ resources }: Stack, id: string): Resource {
  const resource = resources.get(id);
  if (resource === undefined) throw new Error(`the stack has no resource ${id}`);
  return resource;
}
