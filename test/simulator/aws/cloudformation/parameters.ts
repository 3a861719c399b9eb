import { at, isList, listAt, textAt, type Value, type ValueMap } from '../json.ts';

/** The error of CloudFormation for invalid parameters, before it creates any resource. */
export class TemplateValidationError extends Error {
  override readonly name = 'ValidationError';
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super(reasons.join('; '));
    this.reasons = reasons;
  }
}

/**
 * The value of each parameter, or its default.
 * @throws TemplateValidationError that lists every invalid parameter
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
 */
export function parameterValues(
  declared: ValueMap,
  given: Readonly<Record<string, string>>,
): ReadonlyMap<string, string | readonly string[]> {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(declared, name));
  const reasons = unknown.map((name) => `Parameters: [${name}] do not exist in the template`);
  const values = new Map<string, string | readonly string[]>();
  for (const [name, declaration] of Object.entries(declared)) {
    const fallback = at(declaration, 'Default');
    const value = given[name] ?? (fallback === undefined ? undefined : String(fallback));
    if (value === undefined) {
      reasons.push(`Parameters: [${name}] must have values`);
      continue;
    }
    const violation = constraintViolation(declaration, value);
    if (violation !== undefined) reasons.push(`Parameter ${name} ${violation}`);
    const isOne = !/^(List<|CommaDelimitedList$)/.test(textAt(declaration, 'Type'));
    values.set(name, isOne ? value : value.split(',').map((one) => one.trim()));
  }
  if (reasons.length > 0) throw new TemplateValidationError(reasons);
  return values;
}

function constraintViolation(declaration: Value, value: string): string | undefined {
  const allowed = at(declaration, 'AllowedValues');
  if (isList(allowed) && !allowed.map(String).includes(value)) return `must be one of ${allowed.join(', ')}`;
  if (textAt(declaration, 'Type') === 'Number') {
    const number = Number(value);
    if (value.trim() === '' || Number.isNaN(number)) return 'must be a number';
    if (number < Number(at(declaration, 'MinValue') ?? Number.NEGATIVE_INFINITY)) return 'is too small';
    if (number > Number(at(declaration, 'MaxValue') ?? Number.POSITIVE_INFINITY)) return 'is too large';
  }
  const pattern = at(declaration, 'AllowedPattern');
  // The pattern must match the whole value.
  if (pattern !== undefined && !new RegExp(`^(?:${String(pattern)})$`).test(value)) {
    return String(at(declaration, 'ConstraintDescription') ?? `must match the pattern ${String(pattern)}`);
  }
  return undefined;
}

/** The descriptions of the failed assertions in the template's Rules. */
export function failedAssertions(rules: ValueMap, holds: (condition: Value) => boolean): string[] {
  return Object.values(rules).flatMap((rule) => {
    const when = at(rule, 'RuleCondition');
    if (when !== undefined && !holds(when)) return [];
    return listAt(rule, 'Assertions')
      .filter((assertion) => !holds(at(assertion, 'Assert') ?? false))
      .map((assertion) => textAt(assertion, 'AssertDescription'));
  });
}
