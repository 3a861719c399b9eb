import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Value, ValueMap } from '../json.ts';

/**
 * The YAML of a template, short forms (`!Ref X`) written out (`{ Ref: X }`).
 * YAML 1.1, as CloudFormation reads it, so that an unquoted `on` is the boolean that it is there.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
 */
export function readDocument(text: string): ValueMap {
  const document = parseDocument(text, { version: '1.1', logLevel: 'error' });
  const [error] = document.errors;
  if (error) throw error;
  const value = written(document.contents);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a template is a map');
  return Object.fromEntries(Object.entries(value));
}

function written(node: unknown): Value {
  if (node === null || node === undefined) return null;
  if (isAlias(node)) throw new Error(`CloudFormation knows no YAML aliases: *${node.source}`);
  if (isScalar(node)) return tagged(node.tag, scalar(node.value));
  if (isSeq(node)) return tagged(node.tag, node.items.map(written));
  if (isMap(node)) {
    const entries = node.items.map(({ key, value }): [string, Value] => [String(written(key)), written(value)]);
    return tagged(node.tag, Object.fromEntries(entries));
  }
  throw new Error(`no template has a ${typeof node}`);
}

function scalar(value: unknown): Value {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  throw new Error(`CloudFormation takes ${String(value)} only in quotes`);
}

function tagged(tag: string | undefined, value: Value): Value {
  if (tag === undefined || !tag.startsWith('!')) return value;
  const name = tag.slice(1);
  if (name === 'Ref' || name === 'Condition') return { [name]: value };
  if (name !== 'GetAtt' || typeof value !== 'string') return { [`Fn::${name}`]: value };
  const [resource = '', ...attribute] = value.split('.');
  return { 'Fn::GetAtt': [resource, attribute.join('.')] };
}
