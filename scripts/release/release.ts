import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { notesOf } from './notes.ts';
import { withImage } from './templates.ts';

const USAGE = `npm run release -- --image REPOSITORY@sha256:DIGEST [--out FOLDER]
Writes what a release consists of, apart from the image, to FOLDER (default dist/release):
  files/    templates with the image as default, manifests, and checksums.txt
  package/  the program as an npm package with a command
  NOTES.md  the section of this version in CHANGELOG.md
`;

const TEMPLATES = 'infra/cloudformation';
const MANIFESTS = 'infra/kubernetes';
const IMAGE = /^[a-z0-9.-]+(:\d+)?\/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$/;

/**
 * @param image with its digest: whoever deploys a version gets the image that was tested with it
 * @param out is emptied first
 */
export async function writeRelease(image: string, out: string): Promise<void> {
  await rm(out, { recursive: true, force: true });
  await writeFiles(image, join(out, 'files'));
  await writePackage(join(out, 'package'));
  await writeFile(join(out, 'NOTES.md'), notesOf(await readFile('CHANGELOG.md', 'utf8'), manifest.version));
}

async function writeFiles(image: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(TEMPLATES)) {
    const template = await readFile(join(TEMPLATES, name), 'utf8');
    await writeFile(join(folder, name), name === 'drainer.yaml' ? withImage(template, image) : template);
  }
  for (const name of await readdir(MANIFESTS)) await cp(join(MANIFESTS, name), join(folder, name));
  const names = (await readdir(folder)).sort();
  const sums = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(folder, name)));
    return `${hash.digest('hex')}  ${name}\n`;
  });
  await writeFile(join(folder, 'checksums.txt'), (await Promise.all(sums)).join(''));
}

/** The bundle has no dependencies, so the package has none, either. */
async function writePackage(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const program = await readFile('dist/main.mjs', 'utf8');
  const withoutMap = program.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n');
  await writeFile(join(folder, 'main.mjs'), `#!/usr/bin/env node\n${withoutMap}`, { mode: 0o755 });
  for (const name of ['README.md', 'LICENSE', 'NOTICE']) await cp(name, join(folder, name));
  const { name, version, description, license, keywords } = manifest;
  const contents = {
    ...{ name, version, description, license, keywords },
    type: 'module',
    engines: { node: '>=22.19' },
    bin: { [name]: 'main.mjs' },
    files: ['main.mjs', 'NOTICE'],
  };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(contents, undefined, 2)}\n`);
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { image: { type: 'string' }, out: { type: 'string', default: 'dist/release' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!IMAGE.test(values.image ?? '')) {
    process.stderr.write(`--image must be an image with its registry and digest\n\n${USAGE}`);
    return 64;
  }
  await writeRelease(values.image ?? '', values.out);
  return 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
