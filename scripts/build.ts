import { build } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };

/** undici 8 and client-node 2 need it; older versions end in a stack trace from somewhere inside them. */
const LEAST_NODE = [22, 19];

const banner = [
  `const[drainerMajor,drainerMinor]=process.versions.node.split('.');`,
  `if(+drainerMajor<${LEAST_NODE[0]}||+drainerMajor===${LEAST_NODE[0]}&&+drainerMinor<${LEAST_NODE[1]}){`,
  `process.stderr.write('fargate-node-drainer needs Node ${LEAST_NODE.join('.')} or later; this is '+process.versions.node+'\\n');`,
  `process.exit(64)}`,
  // Some packages still call require() for Node's own modules.
  `import{createRequire}from'node:module';const require=createRequire(import.meta.url);`,
].join('');

/** One file that Node runs without anything beside it: what goes into the image, and what the tests start. */
await build({
  entryPoints: ['app/main.ts'],
  outfile: 'dist/main.mjs',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // The ES modules of the AWS SDK can be shaken, its CommonJS ones cannot: 1 MB less of EC2 alone.
  mainFields: ['module', 'main'],
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  define: { VERSION: JSON.stringify(manifest.version) },
  banner: { js: banner },
  logLevel: 'warning',
});
