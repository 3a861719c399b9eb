/** Any JSON value: events, templates, task inputs. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;
export type ValueMap = { readonly [name: string]: Value };

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** The value at a path. Undefined when it does not exist. */
export function at(value: Value | undefined, ...path: readonly (string | number)[]): Value | undefined {
  return path.reduce<Value | undefined>((inner, step) => {
    if (typeof step === 'number') return isList(inner) ? inner[step] : undefined;
    return isMap(inner) && Object.hasOwn(inner, step) ? inner[step] : undefined;
  }, value);
}

export function mapAt(value: Value | undefined, ...path: readonly (string | number)[]): ValueMap {
  const found = at(value, ...path);
  return isMap(found) ? found : {};
}

/** The list at a path. A single value becomes a list of one. */
export function listAt(value: Value | undefined, ...path: readonly (string | number)[]): readonly Value[] {
  const found = at(value, ...path);
  if (found === undefined || found === null) return [];
  return isList(found) ? found : [found];
}

/** The text at a path. CloudFormation converts numbers and booleans to text. @throws Error when there is none */
export function textAt(value: Value | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  if (typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean') return String(found);
  throw new Error(`expected text at ${path.join('.')}, got ${JSON.stringify(found)}`);
}
