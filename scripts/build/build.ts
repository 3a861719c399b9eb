import { access, readFile, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import manifest from '../../package.json' with { type: 'json' };
import { hashOfInputs } from './inputs.ts';
import { bundleSeparately, COMMON, omitUnused, requireBuiltins } from './plugins.ts';

/** Required by undici 8 and client-node 2: with an older version they fail with an internal stack trace. */
const MIN_NODE = [22, 19];

const banner = [
  `const[drainerMajor,drainerMinor]=process.versions.node.split('.');`,
  `if(+drainerMajor<${MIN_NODE[0]}||+drainerMajor===${MIN_NODE[0]}&&+drainerMinor<${MIN_NODE[1]}){`,
  `process.stderr.write('fargate-node-drainer needs Node ${MIN_NODE.join('.')} or later; this is '+process.versions.node+'\\n');`,
  `process.exit(64)}`,
  // CommonJS packages call require() for the modules of Node.
  `import{createRequire as drainerRequire}from'node:module';const require=drainerRequire(import.meta.url);`,
].join('');

const OUTPUTS = ['dist/main.mjs', 'dist/main.mjs.map'];
const INPUTS_HASH = 'dist/main.inputs';

const hash = await hashOfInputs();
if (!(await isBuiltFrom(hash))) {
  await bundle();
  await writeFile(INPUTS_HASH, hash);
}

/** Bundles the program as one file that Node runs without any other: it goes into the image, and the tests start it. */
async function bundle(): Promise<void> {
  await build({
    ...COMMON,
    entryPoints: ['app/main.ts'],
    outfile: 'dist/main.mjs',
    format: 'esm',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    define: { VERSION: JSON.stringify(manifest.version) },
    banner: { js: banner },
    plugins: [bundleSeparately, omitUnused, requireBuiltins],
  });
}

/** Does the bundle exist, and was it made from these inputs? */
async function isBuiltFrom(hash: string): Promise<boolean> {
  try {
    await Promise.all(OUTPUTS.map((path) => access(path)));
    return (await readFile(INPUTS_HASH, 'utf8')) === hash;
  } catch {
    return false;
  }
}
