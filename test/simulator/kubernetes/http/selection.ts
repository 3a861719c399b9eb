import type { KubernetesObject } from '../model/metadata.ts';
import { type FieldRequirement, matchesFields, parseFieldSelector, parseLabelSelector } from '../model/selector.ts';
import type { AnyTable } from '../model/table.ts';

/** The selection of a list or watch: namespace and selectors. */
export type Selection = {
  namespace: string;
  fields: readonly FieldRequirement[];
  matches(object: KubernetesObject): boolean;
  /** Whether there are no selectors. */
  isWhole: boolean;
};

export function selectionOf(table: AnyTable, namespace: string, query: URLSearchParams): Selection {
  const labels = query.get('labelSelector') ?? '';
  const labelsMatch = parseLabelSelector(labels);
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '', table.resource.name);
  return {
    namespace,
    fields,
    matches: (object) =>
      (namespace === '' || object.metadata.namespace === namespace) &&
      labelsMatch(object.metadata.labels ?? {}) &&
      matchesFields(object, fields),
    isWhole: labels === '' && fields.length === 0,
  };
}

/** The selected objects in the order of etcd. Uses an index where possible. */
export function selected(table: AnyTable, selection: Selection): readonly KubernetesObject[] {
  return candidates(table, selection).filter((object) => selection.matches(object));
}

function candidates(table: AnyTable, { namespace, fields }: Selection): readonly KubernetesObject[] {
  const onNode = fields.find(({ field, equal, value }) => field === 'spec.nodeName' && equal && value !== '');
  if (onNode !== undefined) return inOrder(table.by('node', onNode.value));
  return namespace === '' ? table.list() : inOrder(table.by('namespace', namespace));
}

function inOrder(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const key = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;
  return objects
    .map((object) => ({ key: key(object), object }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ object }) => object);
}
