import { type Environment, quoted } from './setting-values.ts';
import { type SettingName, settingNames } from './settings.ts';
import { suggestionFor } from './suggestion.ts';

/** The variable that holds further settings: `UNBUDGETED=all SPREAD_SECONDS=60`. A task definition has one parameter for all of them. */
const VARIABLE = 'SETTINGS';

/**
 * The environment together with the settings that SETTINGS holds, separated by spaces.
 * @param errors receives an error for each word that is not `NAME=value`, each unknown name, and each setting that is set twice
 */
export function withMoreSettings(environment: Environment, errors: string[]): Environment {
  const settings = new Map<string, string>();
  for (const word of (environment[VARIABLE] ?? '').split(/\s+/).filter(Boolean)) {
    const [, name = '', value = ''] = /^([^=]+)=(.+)$/.exec(word) ?? [];
    if (name === '') {
      errors.push(`${VARIABLE} has the word${quoted(VARIABLE, word)}, which is not NAME=value`);
    } else if (!isSetting(name)) {
      const meant = suggestionFor(name, settingNames);
      errors.push(
        `${VARIABLE} has an unknown setting${quoted(VARIABLE, name)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
      );
    } else if (settings.has(name) || environment[name]) {
      errors.push(`${name} is set twice: in ${VARIABLE}, and ${settings.has(name) ? 'there again' : 'on its own'}`);
    } else {
      settings.set(name, value);
    }
  }
  return settings.size === 0 ? environment : { ...environment, ...Object.fromEntries(settings) };
}

function isSetting(name: string): name is SettingName {
  return settingNames.some((setting) => setting === name);
}
