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
  /** The values of the exported outputs, by the name of the export. */
  readonly exports: Readonly<Record<string, string>>;
};

type StackOptions = {
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly context: Pick<Context, 'accountId' | 'region' | 'partition'>;
  /** The exports of the other stacks of the account and region. */
  readonly exports?: Readonly<Record<string, string>>;
  /** The VPC of a subnet, for rules. If absent, each subnet is in the VPC of the parameters. */
  readonly vpcOfSubnet?: Readonly<Record<string, string>>;
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
    importValue(target) {
      const value = options.exports?.[target];
      if (value === undefined) throw new Error(`No export named ${target} found.`);
      return value;
    },
    refAll: (type) => valuesOfType(document, parameters, type),
    valuesOf(type, attribute) {
      if (type !== 'AWS::EC2::Subnet::Id' || attribute !== 'VpcId') throw new Error(`unknown: ${attribute} of ${type}`);
      const [vpc = ''] = valuesOfType(document, parameters, 'AWS::EC2::VPC::Id');
      return valuesOfType(document, parameters, type).map((subnet) => options.vpcOfSubnet?.[subnet] ?? vpc);
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
      return [
        id,
        { type: textAt(declared, id, 'Type'), properties: isMap(properties) ? withParsedPolicy(properties) : {} },
      ];
    });
  const declaredOutputs = Object.entries(mapAt(document, 'Outputs')).filter(([, output]) => conditionHolds(output));
  const textOf = (value: Value | undefined) => String(evaluate(value ?? '', scope));
  const outputs = declaredOutputs.map(([id, output]): [string, string] => [id, textOf(at(output, 'Value'))]);
  const exports = declaredOutputs
    .filter(([, output]) => at(output, 'Export') !== undefined)
    .map(([, output]): [string, string] => [textOf(at(output, 'Export', 'Name')), textOf(at(output, 'Value'))]);
  return {
    name,
    resources: new Map(resources),
    outputs: Object.fromEntries(outputs),
    exports: Object.fromEntries(exports),
  };
}

/** A property of the type Json can be text. Fails as CloudFormation does when the text is not JSON. */
function withParsedPolicy(properties: ValueMap): ValueMap {
  const document = at(properties, 'PolicyDocument');
  return typeof document === 'string' ? { ...properties, PolicyDocument: JSON.parse(document) } : properties;
}

/** The values of all parameters of a type, or of a list of it. */
function valuesOfType(
  document: ValueMap,
  parameters: ReadonlyMap<string, string | readonly string[]>,
  type: string,
): readonly string[] {
  return Object.entries(mapAt(document, 'Parameters'))
    .filter(([, declaration]) => [type, `List<${type}>`].includes(textAt(declaration, 'Type')))
    .flatMap(([name]) => parameters.get(name) ?? []);
}

/** The resource with this logical ID. */
export function resourceOf({ resources }: Stack, id: string): Resource {
  const resource = resources.get(id);
  if (resource === undefined) throw new Error(`the stack has no resource ${id}`);
  return resource;
}
