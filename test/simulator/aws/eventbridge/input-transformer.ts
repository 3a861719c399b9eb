import { isList, isMap, type Value, type ValueMap } from '../json.ts';

export type InputTransformer = {
  readonly paths: Readonly<Record<string, string>>;
  readonly template: string;
};

/** Reads the input transformer of a target. @throws Error when PutTargets would refuse it */
export function inputTransformer(properties: ValueMap): InputTransformer {
  const { InputPathsMap: map = {}, InputTemplate: template = '' } = properties;
  if (typeof template !== 'string' || template.length > 8192)
    throw new Error('an InputTemplate must have 1 to 8192 characters');
  const paths = Object.fromEntries(Object.entries(isMap(map) ? map : {}).map(([name, path]) => [name, String(path)]));
  for (const path of Object.values(paths)) pathSteps(path);
  for (const [, name = ''] of template.matchAll(/<([^<>\s]+)>/g)) {
    if (!Object.hasOwn(paths, name)) throw new Error(`InputTemplate has <${name}>, which InputPathsMap does not have`);
  }
  return { paths, template };
}

/**
 * Transforms an event into the input of a target.
 *
 * A variable with a path that the event does not have becomes empty. Values are not escaped. A string is quoted, except
 * within a string; an object or array within a string loses its quotes.
 * @throws Error when the result is not JSON: EventBridge then does not invoke the target
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues
 */
export function transform({ paths, template }: InputTransformer, event: Value): Value {
  let text = '';
  let isInString = false;
  for (let at = 0; at < template.length; at++) {
    const letter = template[at] ?? '';
    const [match = '', name = ''] = letter === '<' ? (/^<([^<>\s]+)>/.exec(template.slice(at)) ?? []) : [];
    if (match !== '') {
      text += renderValue(valueAt(event, paths[name] ?? ''), isInString);
      at += match.length - 1;
      continue;
    }
    text += letter;
    if (letter === '\\') text += template[++at] ?? '';
    if (letter === '"') isInString = !isInString;
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`the result of the input transformer is not JSON: ${text}`, { cause });
  }
}

function renderValue(value: Value | undefined, isInString: boolean): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return isInString ? value : `"${value}"`;
  const json = JSON.stringify(value);
  return isInString ? json.replaceAll('"', '') : json;
}

/** `$.detail.containers[0].name` → `['detail', 'containers', 0, 'name']` */
function pathSteps(path: string): (string | number)[] {
  if (!/^\$(\.[\w/-]+|\[\d+\])*$/.test(path)) throw new Error(`EventBridge does not support the JSON path ${path}`);
  return [...path.matchAll(/\.([\w/-]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

function valueAt(event: Value, path: string): Value | undefined {
  return pathSteps(path).reduce<Value | undefined>((value, step) => {
    if (typeof step === 'number') return isList(value) ? value[step] : undefined;
    return isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }, event);
}
