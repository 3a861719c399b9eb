import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Value, ValueMap } from '../json.ts';

/**
 * Parses the YAML of a template and expands short forms: `!Ref X` becomes `{ Ref: X }`.
 * CloudFormation reads YAML 1.1, in which an unquoted `on` is a boolean.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
 */
export function parseTemplate(text: string): ValueMap {
  const document = parseDocument(text, { version: '1.1', logLevel: 'error' });
  const [error] = document.errors;
  if (error) throw error;
  const value = toValue(document.contents);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a template must be a map');
  return Object.fromEntries(Object.entries(value));
}

function toValue(node: unknown): Value {
  if (node === null || node === undefined) return null;
  if (isAlias(node)) throw new Error(`CloudFormation does not support YAML aliases: *${node.source}`);
  if (isScalar(node)) return expandTag(node.tag, scalarValue(node.value));
  if (isSeq(node)) return expandTag(node.tag, node.items.map(toValue));
  if (isMap(node)) {
    const entries = node.items.map(({ key, value }): [string, Value] => [String(toValue(key)), toValue(value)]);
    return expandTag(node.tag, Object.fromEntries(entries));
  }
  throw new Error(`unexpected ${typeof node} in a template`);
}

function scalarValue(value: unknown): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  throw new Error(`CloudFormation accepts ${String(value)} only in quotes`);
}

function expandTag(tag: string | undefined, value: Value): Value {
  if (tag === undefined || !tag.startsWith('!')) return value;
  const name = tag.slice(1);
  if (name === 'Ref' || name === 'Condition') return { [name]: value };
  if (name !== 'GetAtt' || typeof value !== 'string') return { [`Fn::${name}`]: value };
  const [resource = '', ...attribute] = value.split('.');
  return { 'Fn::GetAtt': [resource, attribute.join('.')] };
}
