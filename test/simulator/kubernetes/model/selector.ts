import type { KubernetesObject, LabelSelector } from './metadata.ts';
import { isObject } from './shape.ts';
import { badRequest } from './status.ts';

type LabelMatch = (labels: Readonly<Record<string, string>>) => boolean;

/**
 * A label selector of a URL: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Parser and error messages follow
 * https://github.com/kubernetes/apimachinery/blob/master/pkg/labels/selector.go
 */
export function parseLabelSelector(text: string): LabelMatch {
  const tokens = text.match(/==|!=|[=!(),<>]|[^\s=!(),<>]+/g) ?? [];
  const requirements: LabelMatch[] = [];
  let at = 0;
  const next = (): string => tokens[at++] ?? '';
  while (at < tokens.length) {
    const first = tokens[at] ?? '';
    if (first !== '!' && !isWord(first))
      throw badRequest(`found '${first}', expected: !, identifier, or 'end of string'`);
    requirements.push(parseRequirement(next, () => tokens[at] ?? ''));
    const separator = next();
    if (separator === '') break;
    if (separator !== ',') throw badRequest(`found '${separator}', expected: ',' or 'end of string'`);
    const after = tokens[at] ?? '';
    if (after !== '!' && !isWord(after)) throw badRequest(`found '${after}', expected: identifier after ','`);
  }
  return (labels) => requirements.every((matches) => matches(labels));
}

const isWord = (token: string): boolean => token !== '' && !/[=!(),<>]/.test(token);

function parseRequirement(next: () => string, peek: () => string): LabelMatch {
  const wrong = (message: string): Error => badRequest(`unable to parse requirement: ${message}`);
  const not = peek() === '!';
  if (not) next();
  const key = next();
  if (!/^([a-z0-9.-]+\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/.test(key))
    throw wrong(`invalid label key ${JSON.stringify(key)}`);
  if (not) return requirement(key, 'DoesNotExist', []);
  if (peek() === '' || peek() === ',') return requirement(key, 'Exists', []);
  const operator = next();
  switch (operator) {
    case '=':
    case '==':
    case '!=':
      return requirement(key, operator === '!=' ? 'NotIn' : 'In', [isWord(peek()) ? next() : '']);
    case '<':
    case '>': {
      const bound = Number(next());
      return (labels) => (operator === '<' ? Number(labels[key]) < bound : Number(labels[key]) > bound);
    }
    case 'in':
    case 'notin':
      return requirement(key, operator === 'in' ? 'In' : 'NotIn', parseValues(next, wrong));
    default:
      throw wrong(`found '${operator}', expected: '=', '!=', '==', 'in', notin'`);
  }
}

function parseValues(next: () => string, wrong: (message: string) => Error): string[] {
  const open = next();
  if (open !== '(') throw wrong(`found '${open}' expected: '('`);
  const values: string[] = [];
  for (let token = next(); token !== ')'; token = next()) {
    if (token === '') throw wrong("found '', expected: ',' or ')'");
    if (token !== ',') values.push(token);
  }
  // `in ()` contains one value, the empty string.
  return values.length === 0 ? [''] : values;
}

function requirement(key: string, operator: string, values: readonly string[]): LabelMatch {
  return (labels) => {
    const value = labels[key];
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  };
}

export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

/** The selector of a spec. An empty one matches everything. */
export function labelSelectorMatch(selector: LabelSelector): LabelMatch {
  const requirements = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, 'In', [value])),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values }) => requirement(key, operator, values ?? [])),
  ];
  return (labels) => requirements.every((matches) => matches(labels));
}

export type FieldRequirement = { field: string; equal: boolean; value: string };

// Each kind lists its selectable fields: AddFieldLabelConversionFunc in pkg/apis/core/v1/conversion.go.
const selectable: Record<string, readonly string[]> = {
  pods: ['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'status.phase', 'status.podIP'],
  nodes: ['spec.unschedulable'],
  namespaces: ['status.phase'],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};

/** A field selector of a URL: `spec.nodeName=a,status.phase!=Running`. */
export function parseFieldSelector(text: string, resource: string): FieldRequirement[] {
  if (text.trim() === '') return [];
  return text.split(',').map((part) => {
    const [, field = '', operator = '', value = ''] = /^(.*?)(!=|==|=)(.*)$/.exec(part) ?? [];
    if (operator === '') throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const known = field === 'metadata.name' || field === 'metadata.namespace';
    if (!known && selectable[resource]?.includes(field) !== true)
      throw badRequest(`field label not supported: ${field}`);
    return { field, equal: operator !== '!=', value };
  });
}

export function matchesFields(object: KubernetesObject, requirements: readonly FieldRequirement[]): boolean {
  return requirements.every(({ field, equal, value }) => (fieldOf(object, field) === value) === equal);
}

/** A field as text. An unset field is Go's zero value. */
function fieldOf(object: KubernetesObject, path: string): string {
  let value: unknown = object;
  for (const step of path.split('.')) value = isObject(value) ? value[step] : undefined;
  if (value === undefined) return path === 'spec.unschedulable' ? 'false' : '';
  return String(value);
}
