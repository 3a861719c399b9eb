import { settingRows } from '../../app/config/settings.ts';

/** The settings as the table of the README: `node scripts/docs/settings-table.ts`. */
export function settingsTable(): string {
  const rows = settingRows().map(
    ({ name, defaultValue, description }) => `| \`${name}\` | ${defaultValue} | ${description} |`,
  );
  return ['| setting | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

if (import.meta.main) process.stdout.write(`${settingsTable()}\n`);
