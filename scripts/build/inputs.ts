import { createHash } from 'node:crypto';
import { glob, readFile } from 'node:fs/promises';

/** What decides the contents of the bundle. The lock file stands for the libraries. */
const INPUTS = ['app/**/*.ts', 'scripts/build/*.ts', 'package.json', 'package-lock.json'];

/** A hash of all files that a bundle is made from: one that was made with the same hash need not be made again. */
export async function hashOfInputs(): Promise<string> {
  const paths: string[] = [];
  for await (const path of glob(INPUTS)) paths.push(path);
  const hash = createHash('sha256');
  for (const path of paths.sort())
    hash
      .update(`${path}\0`)
      .update(await readFile(path))
      .update('\0');
  return hash.digest('hex');
}
