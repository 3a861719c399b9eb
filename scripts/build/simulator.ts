import { build } from 'esbuild';

/** Bundles the simulated AWS as one file, for the image of the local runs. */
await build({
  entryPoints: ['test/simulator/aws/main.ts'],
  outfile: 'dist/simulator.mjs',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // CommonJS packages call require() for the modules of Node.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  logLevel: 'warning',
});
