/**
 * The section of a version in the changelog.
 * @throws when there is none: a release that nobody has described is not made
 */
export function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^(?=## )/m);
  const found = sections.find((section) => section.split('\n')[0]?.startsWith(`## ${version}`));
  if (found === undefined) throw new Error(`CHANGELOG.md has no section ## ${version}`);
  return `${found.split('\n').slice(1).join('\n').trim()}\n`;
}
