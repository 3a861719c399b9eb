import { isList, isMap, type Value } from '../json.ts';

/** The values to which intrinsic functions refer. */
export type Scope = {
  /** A parameter, a pseudo parameter or a resource; undefined for AWS::NoValue. */
  ref(name: string): Value | undefined;
  attribute(resource: string, attribute: string): Value;
  condition(name: string): boolean;
  /** The value of an attribute, as `VpcId`, of each value of the parameters of a type. */
  valuesOf(parameterType: string, attribute: string): readonly string[];
  /** The values of the parameters of a type. */
  refAll(parameterType: string): readonly string[];
  /** The value of an export of another stack. */
  importValue(name: string): string;
};

/** Evaluates all intrinsic functions of a value. Returns undefined for AWS::NoValue. */
export function evaluate(value: Value, scope: Scope): Value | undefined {
  if (isList(value)) return value.map((item) => evaluate(item, scope)).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  const [[name, argument] = ['', null], ...others] = Object.entries(value);
  if (others.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return callFunction(name, argument, scope);
  const entries = Object.entries(value).flatMap(([key, inner]): [string, Value][] => {
    const evaluated = evaluate(inner, scope);
    return evaluated === undefined ? [] : [[key, evaluated]];
  });
  return Object.fromEntries(entries);
}

function callFunction(name: string, argument: Value, scope: Scope): Value | undefined {
  const items = isList(argument) ? argument : [argument];
  const [first = null, second = null, third = null] = items;
  switch (name) {
    case 'Ref':
      return scope.ref(text(argument, name));
    case 'Fn::GetAtt':
      return scope.attribute(text(first, name), text(second, name));
    case 'Fn::If':
      return evaluate(scope.condition(text(first, name)) ? second : third, scope);
    case 'Fn::Join':
      return list(second, name, scope)
        .map((item) => text(item, name))
        .join(text(first, name));
    case 'Fn::Split':
      return text(evaluate(second, scope), name).split(text(first, name));
    case 'Fn::Select': {
      const chosen = list(second, name, scope)[Number(evaluate(first, scope))];
      if (chosen === undefined) throw new Error(`Fn::Select cannot select nonexistent value at index ${String(first)}`);
      return chosen;
    }
    case 'Fn::Sub':
      return isList(argument)
        ? substitute(text(first, name), isMap(second) ? second : {}, scope)
        : substitute(text(argument, name), {}, scope);
    case 'Fn::ImportValue':
      return scope.importValue(text(evaluate(argument, scope), name));
    default:
      throw new Error(`the simulator does not support ${name}`);
  }
}

/** Whether a condition holds. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html */
export function holds(condition: Value, scope: Scope): boolean {
  const [[name, argument] = ['', null]] = isMap(condition) ? Object.entries(condition) : [];
  const items = isList(argument) ? argument : [argument];
  switch (name) {
    case 'Condition':
      return scope.condition(text(argument, name));
    case 'Fn::And':
      return items.every((item) => holds(item, scope));
    case 'Fn::Or':
      return items.some((item) => holds(item, scope));
    case 'Fn::Not':
      return !items.some((item) => holds(item, scope));
    case 'Fn::Equals': {
      const [left, right] = items.map((item) => text(evaluate(item, scope), name));
      return left === right;
    }
    case 'Fn::EachMemberIn': {
      const [members = [], allowed = []] = items.map((item) => ruleValues(item, scope));
      return members.every((member) => allowed.includes(member));
    }
    default:
      throw new Error(`the simulator does not support the condition ${JSON.stringify(condition)}`);
  }
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html */
function ruleValues(value: Value, scope: Scope): readonly string[] {
  const [[name, argument] = ['', null]] = isMap(value) ? Object.entries(value) : [];
  if (name === 'Fn::RefAll') return scope.refAll(text(argument, name));
  if (name === 'Fn::ValueOfAll' && isList(argument)) {
    const [type = '', attribute = ''] = argument.map((one) => text(one, name));
    return scope.valuesOf(type, attribute);
  }
  throw new Error(`the simulator does not support ${JSON.stringify(value)} in a rule`);
}

function substitute(template: string, variables: { readonly [name: string]: Value }, scope: Scope): string {
  return template.replaceAll(/\$\{(!?)([^}]*)\}/g, (_, literal: string, name: string) => {
    if (literal !== '') return `\${${name}}`;
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (variable !== undefined) return text(evaluate(variable, scope), 'Fn::Sub');
    const [resource = '', ...attribute] = name.split('.');
    const value = attribute.length === 0 ? scope.ref(name) : scope.attribute(resource, attribute.join('.'));
    return text(value, 'Fn::Sub');
  });
}

function list(value: Value, name: string, scope: Scope): readonly Value[] {
  const evaluated = evaluate(value, scope);
  if (!isList(evaluated)) throw new Error(`${name} needs a list, not ${JSON.stringify(evaluated)}`);
  return evaluated;
}

function text(value: Value | undefined, name: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`${name} needs text, not ${JSON.stringify(value)}`);
}
