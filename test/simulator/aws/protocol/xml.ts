export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue };

// Exactly as the services write them, including the trailing slash.
export const autoScalingNamespace = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';
export const ec2Namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/';
export const elbv2Namespace = 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/';
export const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** Escapes text for an XML element. */
function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#xD;');
}

function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}

/** One element. Omits undefined values and wraps the entries of a list in `entry` elements. */
function element(name: string, value: XmlValue, entry: string): string {
  if (value === undefined) return '';
  const content = contentOf(value, entry);
  return content === '' ? `<${name}/>` : `<${name}>${content}</${name}>`;
}

function contentOf(value: Exclude<XmlValue, undefined>, entry: string): string {
  if (isList(value)) return value.map((item) => element(entry, item, entry)).join('');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([name, child]) => element(name, child, entry))
      .join('');
  }
  return escapeXml(String(value));
}

/**
 * An XML document. `entry` is the element name of list entries: `member` in the query protocol, `item` in EC2.
 * @see https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization
 */
export function xmlDocument(root: string, namespace: string | undefined, value: XmlValue, entry = 'member'): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  const content = value === undefined ? '' : contentOf(value, entry);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${content}</${root}>`;
}
