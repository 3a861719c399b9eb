import * as v from 'valibot';
import { printable } from '../lib/errors.ts';
import { PLACEMENT_SETTINGS, type SettingName, Settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type SettingValues = v.InferOutput<typeof Settings>;

/** Every fault of the configuration at once, for exit code 64. */
export class ConfigErrors extends Error {
  override readonly name = 'ConfigFaults';
  readonly errors: readonly string[];

  constructor(errors: readonly string[]) {
    super(`the configuration has ${errors.length === 1 ? 'a fault' : `${errors.length} errors`}`);
    this.errors = errors.map((fault) => printable(fault, 500));
  }
}

/** Where ECS tasks run. */
export type TaskPlacement = {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
};

/** What was given for the settings of a command; what is wrong with it is added to `errors`. */
export class RawSettings {
  readonly #texts: Readonly<Partial<Record<SettingName, string>>>;
  readonly #parsed: v.SafeParseResult<typeof Settings>;

  /**
   * An empty value counts as absent: that is what EventBridge renders for a field that an event does not have.
   * @param flags win over the environment
   */
  constructor(
    names: readonly SettingName[],
    environment: Environment,
    flags: Readonly<Partial<Record<SettingName, string>>>,
    errors: string[],
  ) {
    this.#texts = Object.fromEntries(
      names.map((name) => [name, flags[name] ?? (environment[name] || undefined)] as const),
    );
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
  }

  has(name: SettingName): boolean {
    return this.#texts[name] !== undefined;
  }

  /** @throws ConfigFaults with what was found so far, if that is anything */
  values(errors: readonly string[]): SettingValues {
    if (errors.length > 0 || !this.#parsed.success) throw new ConfigErrors(errors);
    return this.#parsed.output;
  }
}

/** Where tasks run, if the settings say so. */
export function placementOf(settings: SettingValues): TaskPlacement | undefined {
  const [cluster, taskDefinition] = [settings.ECS_CLUSTER, settings.TASK_DEFINITION];
  const [subnets, securityGroups] = [settings.SUBNET_IDS, settings.SECURITY_GROUP_IDS];
  if (cluster === undefined || taskDefinition === undefined) return undefined;
  if (subnets === undefined || securityGroups === undefined) return undefined;
  return { cluster, taskDefinition, subnets, securityGroups, assignPublicIp: settings.ASSIGN_PUBLIC_IP };
}

/** The settings of a place that are missing. */
export function missingPlacement(given: RawSettings): string[] {
  return PLACEMENT_SETTINGS.filter((name) => !given.has(name));
}

/** All errors as one message, a line each, with the way to the documentation of the settings. */
export function configErrorText({ errors }: ConfigErrors): string {
  const lines = errors.map((fault) => `  - ${fault}`);
  return [
    `fargate-node-drainer: the configuration is not usable; nothing was touched.`,
    ...lines,
    `See drain --help for every setting.`,
    '',
  ].join('\n');
}

/** A value in brackets, as far as it may be shown: not a token, nor a URL that may hold a password. */
export function quoted(name: string, value: string): string {
  const isSecret = name === 'LIFECYCLE_ACTION_TOKEN' || (name.startsWith('AWS_ENDPOINT_URL') && value.includes('@'));
  // A line break at the end shows as \n: it is what is wrong more often than not.
  return isSecret ? '' : ` (${printable(`'${JSON.stringify(value).slice(1, -1)}'`, 300)})`;
}
