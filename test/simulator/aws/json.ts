/** What JSON can say: events, templates, and what becomes of them. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;
export type ValueMap = { readonly [name: string]: Value };

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** A member, some steps down; undefined where there is none. */
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

/** A list; what stands alone is a list of one. */
export function listAt(value: Value | undefined, ...path: readonly (string | number)[]): readonly Value[] {
  const found = at(value, ...path);
  if (found === undefined || found === null) return [];
  return isList(found) ? found : [found];
}

/** Text where there must be some: CloudFormation writes numbers and booleans as text wherever text is wanted. */
export function textAt(value: Value | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  if (typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean') return String(found);
  throw new Error(`there must be text at ${path.join('.')}, not ${JSON.stringify(found)}`);
}
