import { isDeepStrictEqual } from 'node:util';
import { isObject, type Json, type JsonObject } from '../model/shape.ts';
import { ApiError, badRequest, unsupportedMediaType } from '../model/status.ts';
import { strategicMerge } from './strategic-merge.ts';

/** Applies a PATCH body by its media type. https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply */
export function patched(target: JsonObject, patch: Json, mediaType: string): Json {
  switch (mediaType) {
    case 'application/merge-patch+json':
      return mergePatch(target, patch);
    case 'application/strategic-merge-patch+json':
      return isObject(patch) ? strategicMerge(target, patch) : mergePatch(target, patch);
    case 'application/json-patch+json':
      return jsonPatch(target, patch);
    default:
      throw unsupportedMediaType();
  }
}

/** https://www.rfc-editor.org/rfc/rfc7386 */
function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = mergePatch(result[field] ?? null, value);
  }
  return result;
}

/** https://www.rfc-editor.org/rfc/rfc6902 */
function jsonPatch(target: JsonObject, patch: Json): Json {
  if (!Array.isArray(patch)) throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  return patch.reduce<Json>((document, operation) => {
    if (!isObject(operation)) throw rejected();
    return applyOperation(document, operation);
  }, structuredClone(target));
}

const rejected = (): ApiError =>
  new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

function applyOperation(document: Json, { op, path, from, value }: JsonObject): Json {
  if (typeof path !== 'string') throw rejected();
  const steps = pointer(path);
  switch (op) {
    case 'add':
      return edited(document, steps, 'add', value ?? null);
    case 'replace':
      return edited(document, steps, 'replace', value ?? null);
    case 'remove':
      return edited(document, steps, 'remove', null);
    case 'test':
      if (!isDeepStrictEqual(valueAt(document, steps) ?? null, value ?? null)) throw rejected();
      return document;
    case 'copy':
    case 'move': {
      if (typeof from !== 'string') throw rejected();
      const moved = valueAt(document, pointer(from));
      if (moved === undefined) throw rejected();
      const source = op === 'move' ? edited(document, pointer(from), 'remove', null) : document;
      return edited(source, steps, 'add', moved);
    }
    default:
      throw rejected();
  }
}

/** https://www.rfc-editor.org/rfc/rfc6901 */
function pointer(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(document: Json, steps: readonly string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const step of steps) {
    if (Array.isArray(value)) value = value[Number(step)];
    else value = isObject(value) ? value[step] : undefined;
  }
  return value;
}

function edited(document: Json, steps: readonly string[], op: 'add' | 'replace' | 'remove', value: Json): Json {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (Array.isArray(document)) {
    const index = step === '-' ? document.length : Number(step);
    const there = document[index];
    if (rest.length > 0) {
      if (there === undefined) throw rejected();
      return document.with(index, edited(there, rest, op, value));
    }
    if (op !== 'add' && there === undefined) throw rejected();
    if (!(index >= 0 && index <= document.length)) throw rejected();
    return document.toSpliced(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
  }
  if (!isObject(document)) throw rejected();
  const { [step]: there, ...others } = document;
  if (rest.length > 0) {
    if (there === undefined) throw rejected();
    return { ...document, [step]: edited(there, rest, op, value) };
  }
  if (op !== 'add' && there === undefined) throw rejected();
  return op === 'remove' ? others : { ...document, [step]: value };
}
