import { build } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };

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
  // Some packages still call require() for Node's own modules.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  logLevel: 'warning',
});
