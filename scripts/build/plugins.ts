import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** What both builds are made with: that of the program, and that of a library in it. */
export const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  // The ES modules of the AWS SDK can be shaken, its CommonJS ones cannot.
  mainFields: ['module', 'main'],
  logLevel: 'warning',
} satisfies BuildOptions;

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
export const builtinsByRequire: Plugin = {
  name: "Node's own modules by require",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z]/ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return undefined;
      return kind === 'require-call' ? { path, external: true } : { path, namespace: 'builtin', sideEffects: false };
    });
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      // To list what `util` has makes all of it; behind another object it is not listed.
      contents: `module.exports = ${path.endsWith('util') ? 'Object.create' : ''}(require(${JSON.stringify(path)}))`,
    }));
  },
};

/**
 * Each schema of the SDK is an array with keys such as `[_eQN]`, constants of the same file. As esbuild cannot know that to read one
 * does nothing, it keeps them all; written out, the unused ones go.
 */
const schemasArePure: Plugin = {
  name: "the SDK's schemas have no side effects",
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]schemas_0\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const constants = new Map(
        [...text.matchAll(/^const (\w+) = ("[^"]*");$/gm)].map(([, name, value]) => [name, value]),
      );
      return {
        contents: text.replace(/\[(\w+)\]:/g, (key, name) => (constants.has(name) ? `${constants.get(name)}:` : key)),
      };
    });
  },
};

/**
 * What is made at every start and never used: undici brings a browser's network (fetch, WebSocket, caches) and stand-ins for tests,
 * client-node brings agents for Node's own HTTP client, of which undici's dispatchers do the work here. What a dispatcher itself
 * asks for stays.
 */
export const leftOut: Plugin = {
  name: 'left out',
  setup({ onResolve, onLoad }) {
    onResolve(
      { filter: /^\.\/lib\/(web|mock|cache|interceptor)\/|^(socks|socks-proxy-agent|hpagent)$/ },
      ({ path, importer }) =>
        /[/\\](undici[/\\]index|client-node[/\\].*)\.js$/.test(importer) ? { path, namespace: 'left out' } : undefined,
    );
    // Behind the object, not in it: esbuild makes its own object with the same prototype of what it imports.
    onLoad({ filter: /./, namespace: 'left out' }, () => ({
      contents: 'module.exports = Object.create(new Proxy({}, { get: () => class LeftOut {} }))',
    }));
  },
};

/**
 * What is loaded lazily is wrapped by esbuild, and what is wrapped is not shaken. The two modules that name what we use of large
 * libraries are therefore bundled by themselves first, which leaves 1 MB out.
 */
export const shakenByItself: Plugin = {
  name: 'libraries shaken by themselves',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /[/](sdk|client-node)\.ts$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path),
      namespace: 'shaken',
    }));
    onLoad({ filter: /./, namespace: 'shaken' }, async ({ path }) => {
      const { outputFiles } = await build({
        ...COMMON,
        entryPoints: [path],
        format: 'cjs',
        write: false,
        sourcemap: 'inline',
        external: ['undici'],
        plugins: [leftOut, clientNodeIsPure, schemasArePure],
      });
      return { contents: outputFiles.map(({ text }) => text).join(''), resolveDir: dirname(path) };
    });
  },
};
