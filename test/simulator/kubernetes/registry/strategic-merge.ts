import { isObject, type Json, type JsonObject } from '../model/shape.ts';

/**
 * The merge keys of the lists that Kubernetes' types merge by element (their `patchMergeKey` tags), by field name.
 * Every other list is replaced. https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
const mergeKeys: Readonly<Record<string, string>> = {
  conditions: 'type',
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
  ownerReferences: 'uid',
  addresses: 'type',
  imagePullSecrets: 'name',
};
/** Lists of plain values that are merged as sets. */
const sets: readonly string[] = ['finalizers'];

export function strategicMerge(target: Json, patch: JsonObject): JsonObject {
  const result: JsonObject = isObject(target) && patch['$patch'] !== 'replace' ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (field === '$patch' || field === '$retainKeys' || field.startsWith('$setElementOrder/')) continue;
    const deletion = /^\$deleteFromPrimitiveList\/(.*)$/.exec(field)?.[1];
    if (deletion !== undefined) {
      const list = result[deletion];
      const gone = Array.isArray(value) ? value : [];
      if (Array.isArray(list)) result[deletion] = list.filter((each) => !gone.includes(each));
    } else if (value === null) delete result[field];
    else if (isObject(value)) {
      if (value['$patch'] === 'delete') delete result[field];
      else result[field] = strategicMerge(result[field] ?? null, value);
    } else if (Array.isArray(value)) result[field] = mergeList(field, result[field], value);
    else result[field] = value;
  }
  return result;
}

function mergeList(field: string, target: Json | undefined, patch: readonly Json[]): Json[] {
  const current = Array.isArray(target) ? target : [];
  if (sets.includes(field)) return [...current, ...patch.filter((each) => !current.includes(each))];
  const key = mergeKeys[field];
  if (key === undefined) return withoutDirectives(patch);
  const replace = patch.some((each) => isObject(each) && each['$patch'] === 'replace');
  const result: Json[] = replace ? [] : [...current];
  for (const element of patch) {
    if (!isObject(element) || element['$patch'] === 'replace') continue;
    const index = result.findIndex((each) => isObject(each) && each[key] === element[key]);
    if (element['$patch'] === 'delete') {
      if (index >= 0) result.splice(index, 1);
    } else if (index < 0) result.push(strategicMerge(null, element));
    else result[index] = strategicMerge(result[index] ?? null, element);
  }
  return result;
}

function withoutDirectives(list: readonly Json[]): Json[] {
  return list.filter((each) => !isObject(each) || each['$patch'] === undefined);
}
