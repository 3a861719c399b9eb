import { build } from 'esbuild';

/** The simulated AWS as one file, for the image of the local runs. */
await build({
  entryPoints: ['test/simulator/aws/main.ts'],
  outfile: 'dist/simulator.mjs',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // Packages that are CommonJS call require() for Node's own modules.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  logLevel: 'warning',
});
