import { isBuiltin } from 'node:module';
import { build, type Plugin } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };

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

/**
 * Nothing happens when a module of client-node is imported; it only does not say so in its package.json. Knowing it, 400 kB of
 * generated models are left out.
 */
const clientNodeIsPure: Plugin = {
  name: 'client-node has no side effects',
  setup({ onResolve, resolve }) {
    const ASKED = 'asked';
    onResolve({ filter: /client-node|^\.\.?\// }, async ({ path, pluginData, ...of }) => {
      if (pluginData === ASKED) return undefined;
      const found = await resolve(path, { ...of, pluginData: ASKED });
      return found.path.includes('/@kubernetes/client-node/') ? { ...found, sideEffects: false } : found;
    });
  },
};

/**
 * An `import` of a module of Node's own makes all of its exports at once: that of `node:http` loads Node's whole fetch and
 * WebSocket for three names that nobody uses. A `require` makes what is asked for.
 */
const builtinsByRequire: Plugin = {
  name: "Node's own modules by require",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z]/ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return undefined;
      return kind === 'require-call' ? { path, external: true } : { path, namespace: 'builtin', sideEffects: false };
    });
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }));
  },
};

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
  plugins: [clientNodeIsPure, builtinsByRequire],
  logLevel: 'warning',
});
