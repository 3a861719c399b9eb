/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** A type guard. */
export type Shape<T> = (value: unknown) => value is T;
export type Shaped<S> = S extends Shape<infer T> ? T : never;
type Shapes = Record<string, Shape<unknown>>;

export const string: Shape<string> = (value) => typeof value === 'string';
export const number: Shape<number> = (value): value is number => typeof value === 'number' && Number.isFinite(value);
export const boolean: Shape<boolean> = (value) => typeof value === 'boolean';
export const json: Shape<Json> = (value): value is Json => value !== undefined;

export const isObject: Shape<JsonObject> = (value): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Go's `intstr.IntOrString`: `3` or `"50%"`. */
export const intOrString: Shape<number | string> = (value) => typeof value === 'string' || typeof value === 'number';

export function list<T>(item: Shape<T>): Shape<T[]> {
  return (value): value is T[] => Array.isArray(value) && value.every((each) => item(each));
}

export function dictionary<T>(item: Shape<T>): Shape<Record<string, T>> {
  return (value): value is Record<string, T> => isObject(value) && Object.values(value).every((each) => item(each));
}

/** An object with all of the required fields and, if present, the optional ones; other fields are not checked. */
export function object<R extends Shapes, O extends Shapes>(
  required: R,
  optional: O,
): Shape<{ [K in keyof R]: Shaped<R[K]> } & { [K in keyof O]?: Shaped<O[K]> }> {
  const must = Object.entries(required);
  const may = Object.entries(optional);
  return (value): value is { [K in keyof R]: Shaped<R[K]> } & { [K in keyof O]?: Shaped<O[K]> } =>
    isObject(value) &&
    must.every(([field, shape]) => shape(value[field])) &&
    may.every(([field, shape]) => value[field] === undefined || shape(value[field]));
}

/** The same value without fields that are null: the API server decodes those as unset. */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(kept.map(([name, field]) => [name, withoutNulls(field)]));
}

/** A deep copy as plain JSON, for code that edits fields by path. */
export function toJson(value: object): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  return isObject(copy) ? copy : {};
}
