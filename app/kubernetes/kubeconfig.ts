import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname } from 'node:path';
import type { Dispatcher } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { Failure, printable } from '../lib/errors.ts';
import { type HttpProxy, parseProxy } from '../lib/proxy.ts';
import { Tunnels } from '../lib/tunnel.ts';
import { type Access, dispatcher, renewingCredential } from './access.ts';
import { KubeConfig } from './client-node.ts';
import { validateKubeconfig } from './kubeconfig-schema.ts';

/** Keys of a kubeconfig that run a command, or read a local file. */
const UNTRUSTED_USER_KEYS = ['exec', 'auth-provider', 'tokenFile', 'token-file', 'client-certificate', 'client-key'];
const UNTRUSTED_CLUSTER_KEYS = ['certificate-authority'];

/**
 * Access from a local kubeconfig file, which may contain everything that kubectl accepts.
 * @throws Failure for a context that the file does not have
 */
export async function accessFromKubeconfigFile(
  { path, context }: { readonly path: string; readonly context?: string },
  clock: Clock,
  tunnels = new Tunnels(),
): Promise<Access> {
  return accessFrom(path, clock, tunnels, async () => {
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new Failure(`could not read the kubeconfig ${path}`, { cause });
    });
    validateKubeconfig(text, path);
    const config = loadKubeconfig(text, path);
    if (context !== undefined) useContext(config, context, path);
    config.makePathsAbsolute(dirname(path));
    return config;
  });
}

/**
 * Access from a kubeconfig of another origin, such as S3. Refuses one that would run a command or read local files: write access to
 * the bucket must not become code execution in the task.
 *
 * @param origin its URL, for messages
 * @throws Failure that never quotes the kubeconfig, which contains secrets
 */
export async function accessFromUntrustedKubeconfig(
  text: string,
  origin: string,
  clock: Clock,
  tunnels = new Tunnels(),
): Promise<Access> {
  const { clusters, users } = validateKubeconfig(text, origin);
  const refused = [
    ...(users ?? []).flatMap(({ name, user }) =>
      UNTRUSTED_USER_KEYS.filter((key) => user?.[key] !== undefined).map(
        (key) => `user ${printable(name, 100)} has '${key}'`,
      ),
    ),
    ...clusters.flatMap(({ name, cluster }) =>
      UNTRUSTED_CLUSTER_KEYS.filter((key) => cluster[key] !== undefined).map(
        (key) => `cluster ${printable(name, 100)} has '${key}'`,
      ),
    ),
  ];
  if (refused.length > 0) {
    throw new Failure(
      `the kubeconfig ${origin} is refused: ${refused.join(', ')}. With it, anyone who can write to the bucket could run a command or read a file in this task`,
      {
        advice:
          'store a kubeconfig with inline data only: kubectl config view --minify --flatten --raw, with a token or certificate',
      },
    );
  }
  return accessFrom(origin, clock, tunnels, async () => loadKubeconfig(text, origin));
}

function loadKubeconfig(text: string, origin: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
  } catch (cause) {
    throw new Failure(`could not load the kubeconfig ${origin}`, { cause });
  }
  return config;
}

function useContext(config: KubeConfig, context: string, path: string): void {
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(context)) {
    throw new Failure(`the kubeconfig ${path} has no context ${printable(context, 100)}`, {
      advice: `it has ${names.map((name) => printable(name, 100)).join(', ') || 'none'}`,
    });
  }
  config.setCurrentContext(context);
}

/** @param read reads the kubeconfig; called again when the API server refuses the credentials */
async function accessFrom(
  origin: string,
  clock: Clock,
  tunnels: Tunnels,
  read: () => Promise<KubeConfig>,
): Promise<Access> {
  const config = await read();
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const context = printable(config.currentContext, 100);
    throw new Failure(`the kubeconfig ${origin} has no cluster for its current context ${context}`);
  }
  const server = serverOf(cluster.server, origin);
  const options = await optionsOf(config, origin);
  const connect = connectorFor(options, tunnels, proxyOf(cluster.proxyUrl, origin));
  headersOf(options, origin);
  const authenticate = renewingCredential(async () => {
    const headers = await currentHeaders(origin, read);
    return { headers, renewAt: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY };
  }, clock);
  return { server, connect, authenticate };
}

/** The URL to which the client appends paths. It appears in logs, so it must not contain a password. */
function serverOf(text: string, origin: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && !(url.username || url.password);
  if (!isPlain || /[?#]/.test(text)) {
    throw new Failure(
      `the server in the kubeconfig ${origin} is not an http or https URL with only a host, a port and a path`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** The TLS options and headers that client-node derives from a kubeconfig. */
async function optionsOf(config: KubeConfig, origin: string): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    // The parser's message quotes the output of the command, most likely a token.
    if (cause instanceof SyntaxError) throw new Failure(`the command in the kubeconfig ${origin} did not print JSON`);
    // Node's message quotes the value of the wrong type.
    if (cause instanceof TypeError) throw new Failure(`a value in the kubeconfig ${origin} has the wrong type`);
    throw new Failure(`could not use the kubeconfig ${origin}`, { cause });
  }
  return options;
}

function connectorFor(options: RequestOptions, tunnels: Tunnels, proxy: HttpProxy | undefined): () => Dispatcher {
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: rejectUnauthorized ?? true,
    ...(servername !== undefined && { servername }),
  };
  return () => dispatcher(tls, tunnels, proxy);
}

/**
 * The proxy that the cluster names. It takes precedence over the environment, and over NO_PROXY.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#Cluster (proxy-url)
 */
function proxyOf(proxyUrl: string | undefined, origin: string): HttpProxy | undefined {
  // As for kubectl, an empty one is none.
  if (!proxyUrl) return undefined;
  const proxy = parseProxy(proxyUrl, `the proxy-url in the kubeconfig ${origin}`);
  if (typeof proxy === 'string') throw new Failure(`the proxy-url in the kubeconfig ${origin} ${proxy}`);
  return proxy;
}

/** Reads the kubeconfig again: its file may have been rotated, its command may return a new token. */
async function currentHeaders(origin: string, read: () => Promise<KubeConfig>): Promise<Record<string, string>> {
  try {
    return headersOf(await optionsOf(await read(), origin), origin);
  } catch (cause) {
    // It was valid at the start: the file is being written, or its command fails temporarily.
    throw new Failure(`could not reload the kubeconfig ${origin}`, { cause, transient: true });
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-field-values */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function headersOf({ headers, auth }: RequestOptions, origin: string): Record<string, string> {
  const entries = Object.entries({ ...headers }).map(([name, value]) => [name, String(value)] as const);
  if (entries.some(([, value]) => !HEADER_VALUE.test(value))) {
    throw new Failure(`the token in the kubeconfig ${origin} contains characters that an HTTP header cannot contain`, {
      advice: 'check whether the token ends with a line break or is truncated',
    });
  }
  return {
    ...Object.fromEntries(entries),
    ...(auth && { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
  };
}
