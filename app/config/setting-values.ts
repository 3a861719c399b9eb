import * as v from 'valibot';
import { printable } from '../lib/errors.ts';
import { PLACEMENT_SETTINGS } from './command-settings.ts';
import { proxySettings } from './proxy-settings.ts';
import { type SettingName, Settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type SettingValues = v.InferOutput<typeof Settings>;

const MAX_ERROR_CHARS = 500;
const MAX_VALUE_CHARS = 300;

/** All errors of the configuration at once; the program exits with 64. */
export class ConfigErrors extends Error {
  override readonly name = 'ConfigErrors';
  readonly errors: readonly string[];

  constructor(errors: readonly string[]) {
    super(`invalid configuration: ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`);
    this.errors = errors.map((error) => printable(error, MAX_ERROR_CHARS));
  }
}

/** Where ECS tasks run, and which. */
export type TaskPlacement = {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
};

/** The settings of a command as given, and their validation. */
export class RawSettings {
  readonly #texts: Readonly<Partial<Record<SettingName, string>>>;
  readonly #parsed: v.SafeParseResult<typeof Settings>;
  /** What was dropped, and why. */
  readonly warnings: readonly string[];

  /**
   * An empty value counts as unset: EventBridge renders one for a field that the event does not have.
   * @param flags take precedence over the environment
   * @param errors receives every error that is found
   * @param lenient settings whose value in the environment is dropped when it is not valid
   */
  constructor(
    names: readonly SettingName[],
    environment: Environment,
    flags: Readonly<Partial<Record<SettingName, string>>>,
    errors: string[],
    lenient: readonly SettingName[] = [],
  ) {
    const warnings: string[] = [];
    const textOf = (name: SettingName): string | undefined => {
      const text = flags[name] ?? (environment[name] || undefined);
      if (text === undefined || flags[name] !== undefined || !lenient.includes(name)) return text;
      const [issue] = v.safeParse(Settings.entries[name], text).issues ?? [];
      if (issue === undefined) return text;
      warnings.push(`${name}${quoted(name, text)} ${issue.message}; ignoring it`);
      return undefined;
    };
    this.#texts = Object.fromEntries(names.map((name) => [name, textOf(name)] as const));
    this.warnings = warnings.map((warning) => printable(warning, MAX_ERROR_CHARS));
    this.#parsed = v.safeParse(Settings, this.#texts);
    for (const issue of this.#parsed.issues ?? []) {
      const name = String(issue.path?.[0]?.key);
      errors.push(`${name}${quoted(name, this.#texts[name as SettingName] ?? '')} ${issue.message}`);
    }
    for (const [name, value] of Object.entries(environment)) {
      if (/^AWS_ENDPOINT_URL_[A-Z0-9_]+$/.test(name) && value && !/^https?:$/.test(URL.parse(value)?.protocol ?? '')) {
        errors.push(`${name}${quoted(name, value)} must be an http or https URL`);
      }
    }
    proxySettings(environment, errors);
  }

  has(name: SettingName): boolean {
    return this.#texts[name] !== undefined;
  }

  /** The value as it was given, valid or not. */
  text(name: SettingName): string | undefined {
    return this.#texts[name];
  }

  /** @throws ConfigErrors when a setting is invalid, or `errors` is not empty */
  values(errors: readonly string[]): SettingValues {
    if (errors.length > 0 || !this.#parsed.success) throw new ConfigErrors(errors);
    return this.#parsed.output;
  }
}

/** Where tasks run; undefined when the settings do not name a placement. */
export function placementOf(settings: SettingValues): TaskPlacement | undefined {
  const [cluster, taskDefinition] = [settings.ECS_CLUSTER, settings.TASK_DEFINITION];
  const [subnets, securityGroups] = [settings.SUBNET_IDS, settings.SECURITY_GROUP_IDS];
  if (cluster === undefined || taskDefinition === undefined) return undefined;
  if (subnets === undefined || securityGroups === undefined) return undefined;
  return { cluster, taskDefinition, subnets, securityGroups, assignPublicIp: settings.ASSIGN_PUBLIC_IP };
}

/** The settings of a placement that are not set. */
export function missingPlacement(given: RawSettings): string[] {
  return PLACEMENT_SETTINGS.filter((name) => !given.has(name));
}

/** All errors as one message, one line each. */
export function configErrorText({ errors }: ConfigErrors): string {
  const lines = errors.map((error) => `  - ${error}`);
  return [
    'fargate-node-drainer: invalid configuration; nothing was changed.',
    ...lines,
    'Run COMMAND --help to list the settings of a command.',
    '',
  ].join('\n');
}

/** A value in parentheses; empty for one that may be secret: a token, or a URL with a password. */
export function quoted(name: string, value: string): string {
  const isSecret = name === 'LIFECYCLE_ACTION_TOKEN' || (name.startsWith('AWS_ENDPOINT_URL') && value.includes('@'));
  // As JSON, a line break at the end is visible as \n. It is the most common mistake.
  return isSecret ? '' : ` (${printable(`'${JSON.stringify(value).slice(1, -1)}'`, MAX_VALUE_CHARS)})`;
}
