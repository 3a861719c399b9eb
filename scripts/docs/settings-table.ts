import { settingRows } from '../../app/config/command-settings.ts';

/** The settings as the table of docs/configuration.md: `node scripts/docs/settings-table.ts`. */
export function settingsTable(): string {
  const rows = settingRows().map(
    ({ name, values, defaultValue, description }) =>
      `| \`${name}\` | ${alternatives(values)} | ${defaultValue} | ${description} |`,
  );
  return ['| setting | values | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** A bar would end the cell. */
function alternatives(values: string): string {
  return values
    .split('|')
    .map((value) => `\`${value}\``)
    .join(', ');
}

if (import.meta.main) process.stdout.write(`${settingsTable()}\n`);
