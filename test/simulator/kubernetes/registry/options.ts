import { boolean, isObject, type Json, list, number, object, string } from '../model/shape.ts';
import { ApiError, badRequest } from '../model/status.ts';
import { unrecognised } from './creation.ts';
import type { DeleteOptions } from './deletion.ts';

/** An integer in a query. @throws ApiError with the message of Go's strconv */
export function intOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

export function parseVersion(text: string): number {
  if (text === '') return 0;
  if (/^\d+$/.test(text)) return Number(text);
  const why = `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new ApiError(500, undefined, `resourceVersion: Invalid value: ${JSON.stringify(text)}: ${why}`);
}

/** The error for an invalid value of ListOptions, CreateOptions, DeleteOptions, … */
export function invalidOption(kind: string, field: string, reason: string, message: string): ApiError {
  return new ApiError(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'meta.k8s.io',
    kind,
    causes: [{ reason, message, field }],
  });
}

/** Whether a request is a dry run. `All` is the only valid value. */
export function isDryRun(values: readonly string[], kind: string): boolean {
  const known = values.every((value) => value === 'All');
  if (known) return values.length > 0;
  const shown = `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
  throw invalidOption(kind, 'dryRun', 'FieldValueNotSupported', `Unsupported value: ${shown}: supported values: "All"`);
}

export const deleteOptions = object(
  {},
  {
    gracePeriodSeconds: number,
    preconditions: object({}, { uid: string, resourceVersion: string }),
    propagationPolicy: string,
    orphanDependents: boolean,
    dryRun: list(string),
  },
);

/** Reads DeleteOptions from the body, or from the query when there is none. */
export function deleteOptionsOf(query: URLSearchParams, body: string): DeleteOptions {
  const { dryRun, ...options } = body === '' ? optionsOfQuery(query) : optionsOfBody(body);
  const policy = options.propagationPolicy;
  if (policy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(policy)) {
    const supported = 'supported values: "Foreground", "Background", "Orphan", "nil"';
    const message = `Unsupported value: ${JSON.stringify(policy)}: ${supported}`;
    throw invalidOption('DeleteOptions', 'propagationPolicy', 'FieldValueNotSupported', message);
  }
  return { ...options, dryRun: isDryRun(dryRun, 'DeleteOptions') };
}

type Options = Omit<DeleteOptions, 'dryRun'> & { dryRun: string[] };

function optionsOfBody(body: string): Options {
  const given = parseBody('DeleteOptions', body);
  if (!deleteOptions(given)) throw badRequest('DeleteOptions: a field has the wrong type');
  return { ...given, dryRun: given.dryRun ?? [] };
}

function optionsOfQuery(query: URLSearchParams): Options {
  const grace = intOf(query, 'gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: orphan === 'true' }),
    dryRun: query.getAll('dryRun'),
  };
}

export function parseBody(kind: string, body: string): Json {
  const value = parsed(kind, body);
  if (isObject(value) || Array.isArray(value)) return value;
  throw unrecognised(kind, body, `json: cannot unmarshal ${typeof value} into Go value of type struct`);
}

function parsed(kind: string, body: string): Json {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) throw unrecognised(kind, body, body === '' ? undefined : error.message);
    throw error;
  }
}
