import type { KubernetesObject } from '../model/metadata.ts';
import { type ApiError, notAcceptable } from '../model/status.ts';

/** The requested format of objects: complete, or metadata only. */
export type Form = 'object' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

const meta = 'meta.k8s.io/v1';

/** Negotiates the format by the Accept header. Never serves a Table: kubectl requests one, but also accepts plain objects. */
export function formOf(accept: string): Form {
  for (const range of accept.split(',')) {
    const [media = '', ...parameters] = range.split(';').map((each) => each.trim());
    if (!['application/json', 'application/*', '*/*', ''].includes(media)) continue;
    const fields = new Map(parameters.map((each) => each.split('=')).map(([name = '', value = '']) => [name, value]));
    const as = fields.get('as');
    if (as === undefined) return 'object';
    const supported = fields.get('g') === 'meta.k8s.io' && fields.get('v') === 'v1';
    if (supported && (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')) return as;
  }
  throw notAcceptable('406: Not Acceptable', {});
}

function wrongForm(form: Form, isList: boolean, kind: string): ApiError {
  return isList
    ? notAcceptable(`you requested ${form}, but the requested object is a list (*core.${kind}List)`)
    : notAcceptable(`you requested ${form}, but the requested object is not a list (*core.${kind})`);
}

/** Writes objects as JSON, each object version once for all watches. */
export class Rendering {
  readonly #whole = new WeakMap<KubernetesObject, string>();
  readonly #items = new WeakMap<KubernetesObject, string>();
  readonly #partial = new WeakMap<KubernetesObject, string>();

  object(object: KubernetesObject, form: Form): string {
    if (form === 'object') return remembered(this.#whole, object, () => ordered(object));
    if (form === 'PartialObjectMetadataList') throw wrongForm(form, false, object.kind);
    return this.#partialOf(object);
  }

  list(kind: string, apiVersion: string, metadata: object, items: readonly KubernetesObject[], form: Form): string {
    if (form === 'PartialObjectMetadata') throw wrongForm(form, true, kind);
    const partial = form === 'PartialObjectMetadataList';
    // Items of a typed list carry neither kind nor apiVersion.
    const rendered = items.map((item) =>
      partial
        ? this.#partialOf(item)
        : remembered(this.#items, item, () => JSON.stringify({ ...item, kind: undefined, apiVersion: undefined })),
    );
    const head = partial
      ? { kind: 'PartialObjectMetadataList', apiVersion: meta, metadata }
      : { kind: `${kind}List`, apiVersion, metadata };
    return `${JSON.stringify(head).slice(0, -1)},"items":[${rendered.join(',')}]}\n`;
  }

  /** One line of a watch stream. */
  event(type: string, object: KubernetesObject, form: Form): string {
    const body = form === 'object' ? this.object(object, form) : this.#partialOf(object);
    return `{"type":"${type}","object":${body.trimEnd()}}\n`;
  }

  /** A bookmark is an object of the watched kind with nothing but a resource version. */
  bookmark(kind: string, apiVersion: string, version: number, form: Form): string {
    const typed = form === 'object' ? { kind, apiVersion } : { kind: 'PartialObjectMetadata', apiVersion: meta };
    const metadata = { resourceVersion: String(version), creationTimestamp: null };
    const rest = form === 'object' && kind === 'Pod' ? { spec: { containers: null }, status: {} } : {};
    return `${JSON.stringify({ type: 'BOOKMARK', object: { ...typed, metadata, ...rest } })}\n`;
  }

  #partialOf(object: KubernetesObject): string {
    return remembered(this.#partial, object, () =>
      JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: meta, metadata: object.metadata }),
    );
  }
}

function ordered({ kind, apiVersion, metadata, ...rest }: KubernetesObject): string {
  return JSON.stringify({ kind, apiVersion, metadata, ...rest });
}

function remembered(cache: WeakMap<KubernetesObject, string>, object: KubernetesObject, write: () => string): string {
  const known = cache.get(object);
  if (known !== undefined) return known;
  const text = write();
  cache.set(object, text);
  return text;
}
