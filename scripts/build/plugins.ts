import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, resolve as resolvePath } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** Options of both builds: of the program, and of a library in it. */
export const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  // esbuild can tree-shake the ES modules of the AWS SDK, but not its CommonJS modules.
  mainFields: ['module', 'main'],
  logLevel: 'warning',
} satisfies BuildOptions;

/**
 * The modules of client-node have no side effects, but its package.json does not declare that. With this declaration esbuild removes
 * 400 kB of generated models.
 */
const clientNodeIsPure: Plugin = {
  name: 'client-node has no side effects',
  setup({ onResolve, resolve }) {
    const RESOLVING = 'resolving';
    onResolve({ filter: /^@kubernetes\/client-node/ }, async ({ path, pluginData, ...of }) => {
      if (pluginData === RESOLVING) return undefined;
      return { ...(await resolve(path, { ...of, pluginData: RESOLVING })), sideEffects: false };
    });
    // Its ES modules import each other by their full names, which needs no look at the disk.
    onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, importer }) =>
      /[/\\]@kubernetes[/\\]client-node[/\\]/.test(importer)
        ? { path: resolvePath(dirname(importer), path), sideEffects: false }
        : undefined,
    );
  },
};

/**
 * An `import` of a Node module creates all of its exports at once: `node:http` loads fetch and WebSocket for three unused names. A
 * `require` creates only what is used.
 */
export const requireBuiltins: Plugin = {
  name: 'require Node modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z]/ }, ({ path, kind }) => {
      if (!isBuiltin(path)) return undefined;
      return kind === 'require-call' ? { path, external: true } : { path, namespace: 'builtin', sideEffects: false };
    });
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      // Listing the exports of `util` creates all of them. As the prototype of another object it is not listed.
      contents: `module.exports = ${path.endsWith('util') ? 'Object.create' : ''}(require(${JSON.stringify(path)}))`,
    }));
  },
};

/**
 * Each schema of the SDK is an array with keys such as `[_eQN]`, constants of the same file. esbuild cannot know that reading a constant
 * has no side effect, so it keeps all schemas. With the keys inlined it removes the unused ones.
 */
const schemasArePure: Plugin = {
  name: 'SDK schemas have no side effects',
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
 * Omits what the libraries create at every start and the program never uses: fetch, WebSocket, caches, mocks and proxy agents of
 * undici, and the agents of client-node for the HTTP client of Node, instead of which the program uses dispatchers of undici. What a
 * dispatcher itself imports stays.
 */
export const omitUnused: Plugin = {
  name: 'omit unused',
  setup({ onResolve, onLoad }) {
    onResolve(
      {
        filter:
          /^\.\/lib\/(web|mock|cache|interceptor)\/|^\.\/lib\/dispatcher\/[a-z0-9-]*proxy-agent$|^(socks|socks-proxy-agent|hpagent)$/,
      },
      ({ path, importer }) =>
        /[/\\](undici[/\\]index|client-node[/\\].*)\.js$/.test(importer) ? { path, namespace: 'omitted' } : undefined,
    );
    // The proxy must be the prototype: esbuild copies an imported object into one of its own with the same prototype.
    onLoad({ filter: /./, namespace: 'omitted' }, () => ({
      contents: 'module.exports = Object.create(new Proxy({}, { get: () => class Omitted {} }))',
    }));
  },
};

/**
 * esbuild wraps modules that are loaded lazily, and does not tree-shake wrapped modules. So the two modules that name what the program
 * uses of large libraries are bundled separately first, which removes 1 MB.
 */
export const bundleSeparately: Plugin = {
  name: 'bundle libraries separately',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /[/](sdk|client-node)\.ts$/ }, ({ path, resolveDir }) => ({
      path: resolvePath(resolveDir, path),
      namespace: 'separate',
    }));
    onLoad({ filter: /./, namespace: 'separate' }, async ({ path }) => {
      const { outputFiles } = await build({
        ...COMMON,
        entryPoints: [path],
        format: 'cjs',
        write: false,
        sourcemap: 'inline',
        external: ['undici'],
        plugins: [omitUnused, schemasArePure, ...(path.endsWith('client-node.ts') ? [clientNodeIsPure] : [])],
      });
      return { contents: outputFiles.map(({ text }) => text).join(''), resolveDir: dirname(path) };
    });
  },
};
