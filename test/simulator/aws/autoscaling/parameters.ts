import { ServiceError } from '../protocol/errors.ts';
import type { Form } from '../protocol/form.ts';

/** The error of Auto Scaling for an invalid request. */
export function validationError(message: string): ServiceError {
  return new ServiceError('ValidationError', message);
}

/** A required parameter. @throws ServiceError when it is missing */
export function required(form: Form, name: string): string {
  const value = form.get(name);
  if (value) return value;
  const member = name.charAt(0).toLowerCase() + name.slice(1);
  throw validationError(
    `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`,
  );
}

/** A parameter with a fixed set of values. */
export function oneOf<T extends string>(form: Form, name: string, allowed: readonly T[], fallback?: T): T {
  const value = form.get(name) ?? fallback;
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw validationError(`Valid values for ${name} are: [${allowed.join(', ')}]; got ${value}`);
}

/** An integer between `min` and `max`. */
export function integer(form: Form, name: string, fallback: number, min: number, max: number): number {
  const value = Number(form.get(name) ?? fallback);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw validationError(`${name} must be between ${min} and ${max}, got ${form.get(name)}`);
}
