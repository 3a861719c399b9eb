import { build } from 'esbuild';
import manifest from '../../package.json' with { type: 'json' };
import { builtinsByRequire, COMMON, leftOut, shakenByItself } from './plugins.ts';

/** undici 8 and client-node 2 need it; older versions end in a stack trace from somewhere inside them. */
const LEAST_NODE = [22, 19];

const banner = [
  `const[drainerMajor,drainerMinor]=process.versions.node.split('.');`,
  `if(+drainerMajor<${LEAST_NODE[0]}||+drainerMajor===${LEAST_NODE[0]}&&+drainerMinor<${LEAST_NODE[1]}){`,
  `process.stderr.write('fargate-node-drainer needs Node ${LEAST_NODE.join('.')} or later; this is '+process.versions.node+'\\n');`,
  `process.exit(64)}`,
  // Some packages still call require() for Node's own modules.
  `import{createRequire as drainerRequire}from'node:module';const require=drainerRequire(import.meta.url);`,
].join('');

/** One file that Node runs without anything beside it: what goes into the image, and what the tests start. */
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
  plugins: [shakenByItself, leftOut, builtinsByRequire],
});
