/**
 * The template with an image as the default of its parameter Image, so that a stack can be deployed without naming one.
 * @throws when the template has no such parameter, or one with a default
 */
export function withImage(template: string, image: string): string {
  const parameter = /^ Image:\n(?: {2}.*\n)+/m.exec(template)?.[0];
  if (parameter === undefined || /^ {2}Default:/m.test(parameter)) {
    throw new Error('the template has no parameter Image without a default');
  }
  return template.replace(parameter, parameter.replace('  Type: String\n', `  Type: String\n  Default: ${image}\n`));
}
