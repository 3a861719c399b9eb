import { isList, isMap, type Value, type ValueMap } from '../json.ts';

export type InputTransformer = {
  readonly paths: Readonly<Record<string, string>>;
  readonly template: string;
};

/** The input transformer of a rule's target, refused as PutTargets refuses it. */
export function inputTransformer(properties: ValueMap): InputTransformer {
  const { InputPathsMap: map = {}, InputTemplate: template = '' } = properties;
  if (typeof template !== 'string' || template.length > 8192) throw new Error('an InputTemplate has 1 to 8192 letters');
  const paths = Object.fromEntries(Object.entries(isMap(map) ? map : {}).map(([name, path]) => [name, String(path)]));
  for (const path of Object.values(paths)) steps(path);
  for (const [, name = ''] of template.matchAll(/<([^<>\s]+)>/g)) {
    if (!Object.hasOwn(paths, name)) throw new Error(`InputTemplate has <${name}>, which InputPathsMap does not have`);
  }
  return { paths, template };
}

/**
 * What a target gets instead of the event.
 *
 * A variable whose path the event does not have comes out as nothing. Values are not escaped. A string gets quotes where
 * it stands by itself, and none within a string; an object or array within a string loses those that it has.
 * @throws Error when the outcome is not JSON: EventBridge then does not call the target
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues
 */
export function transformed({ paths, template }: InputTransformer, event: Value): Value {
  let text = '';
  let isInString = false;
  for (let at = 0; at < template.length; at++) {
    const letter = template[at] ?? '';
    const [match = '', name = ''] = letter === '<' ? (/^<([^<>\s]+)>/.exec(template.slice(at)) ?? []) : [];
    if (match !== '') {
      text += inserted(valueAt(event, paths[name] ?? ''), isInString);
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
    throw new Error(`the input transformer made something that is not JSON: ${text}`, { cause });
  }
}

function inserted(value: Value | undefined, isInString: boolean): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return isInString ? value : `"${value}"`;
  const json = JSON.stringify(value);
  return isInString ? json.replaceAll('"', '') : json;
}

/** `$.detail.containers[0].name` → `['detail', 'containers', 0, 'name']` */
function steps(path: string): (string | number)[] {
  if (!/^\$(\.[\w/-]+|\[\d+\])*$/.test(path)) throw new Error(`${path} is no JSON path that EventBridge takes`);
  return [...path.matchAll(/\.([\w/-]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

function valueAt(event: Value, path: string): Value | undefined {
  return steps(path).reduce<Value | undefined>((value, step) => {
    if (typeof step === 'number') return isList(value) ? value[step] : undefined;
    return isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }, event);
}
