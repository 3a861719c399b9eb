import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname } from 'node:path';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from '../lib/clock.ts';
import { Failure, printable } from '../lib/errors.ts';
import type { Access } from './access.ts';
import { KEEP_ALIVE, renewingCredential } from './access.ts';
import { KubeConfig } from './client-node.ts';
import { shapeOf } from './kubeconfig-schema.ts';

/** https://www.rfc-editor.org/rfc/rfc9110#name-field-values */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What makes the drainer run a command, or read a file of its own machine, because a kubeconfig says so. */
const FOREIGN_USER_KEYS = ['exec', 'auth-provider', 'tokenFile', 'token-file', 'client-certificate', 'client-key'];
const FOREIGN_CLUSTER_KEYS = ['certificate-authority'];

/** Access by a kubeconfig file of this machine, with everything that kubectl accepts in one. */
export async function accessFromKubeconfigFile(path: string, clock: Clock): Promise<Access> {
  return accessBy(path, clock, async () => {
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new Failure(`the kubeconfig ${path} cannot be read`, { cause });
    });
    shapeOf(text, path);
    const config = loaded(text, path);
    config.makePathsAbsolute(dirname(path));
    return config;
  });
}

/**
 * Access by a kubeconfig that came from elsewhere. One that would run a command or read local files is refused: whoever
 * can write to the bucket must not choose what runs here.
 *
 * @param origin where it came from, for people
 * @throws Failure that never quotes the kubeconfig, which holds secrets
 */
export async function accessFromUntrustedKubeconfig(text: string, origin: string, clock: Clock): Promise<Access> {
  const { clusters, users } = shapeOf(text, origin);
  const foreign = [
    ...(users ?? []).flatMap(({ name, user }) =>
      FOREIGN_USER_KEYS.filter((key) => user?.[key] !== undefined).map(
        (key) => `user ${printable(name, 100)} has '${key}'`,
      ),
    ),
    ...clusters.flatMap(({ name, cluster }) =>
      FOREIGN_CLUSTER_KEYS.filter((key) => cluster[key] !== undefined).map(
        (key) => `cluster ${printable(name, 100)} has '${key}'`,
      ),
    ),
  ];
  if (foreign.length > 0) {
    throw new Failure(
      `the kubeconfig ${origin} is refused: ${foreign.join(', ')}. It would run a command, or read a file, that whoever writes to the bucket chooses`,
      {
        advice:
          'store one with inline data only: kubectl config view --minify --flatten --raw, with a token or certificate',
      },
    );
  }
  return accessBy(origin, clock, async () => loaded(text, origin));
}

function loaded(text: string, origin: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
  } catch (cause) {
    throw new Failure(`the kubeconfig ${origin} cannot be used`, { cause });
  }
  return config;
}

async function accessBy(origin: string, clock: Clock, read: () => Promise<KubeConfig>): Promise<Access> {
  const config = await read();
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const context = printable(config.currentContext, 100);
    throw new Failure(`the kubeconfig ${origin} has no cluster for its current context ${context}`);
  }
  const server = serverOf(cluster.server, origin);
  const options = await optionsOf(config, origin);
  const connect = connectorFor(options, cluster.proxyUrl, origin);
  headersOf(options, origin);
  const authenticate = renewingCredential(async () => {
    const headers = await currentHeaders(origin, read);
    return { headers, renewAt: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY };
  }, clock);
  return { server, connect, authenticate };
}

/** Read again: the file may have been rotated, a command may give another token. */
async function currentHeaders(origin: string, read: () => Promise<KubeConfig>): Promise<Record<string, string>> {
  try {
    return headersOf(await optionsOf(await read(), origin), origin);
  } catch (cause) {
    // It could be read before: somebody writes it just now, or its command fails for a while.
    throw new Failure('the kubeconfig was good before, and is not now', { cause, transient: true });
  }
}

/** The address to which paths are added. It is told to people, so it must hold no password. */
function serverOf(text: string, origin: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && !(url.username || url.password);
  if (!isPlain || /[?#]/.test(text)) {
    throw new Failure(`the kubeconfig ${origin} names a server that is no http or https URL of host, port and path`);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** What client-node makes of a kubeconfig: TLS options and headers. */
async function optionsOf(config: KubeConfig, origin: string): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    // What its command printed is quoted by the parser: a token, most likely.
    if (cause instanceof SyntaxError) throw new Failure(`the command in the kubeconfig ${origin} printed no JSON`);
    // Node's quotes the value that is of the wrong type.
    if (cause instanceof TypeError) throw new Failure(`something in the kubeconfig ${origin} is of the wrong kind`);
    throw new Failure(`the kubeconfig ${origin} cannot be used`, { cause });
  }
  return options;
}

function headersOf({ headers, auth }: RequestOptions, origin: string): Record<string, string> {
  const entries = Object.entries({ ...headers }).map(([name, value]) => [name, String(value)] as const);
  if (entries.some(([, value]) => !HEADER_VALUE.test(value))) {
    throw new Failure(`the kubeconfig ${origin} has a token with letters that none can have`, {
      advice: 'see whether it ends in a line break, or is cut',
    });
  }
  return {
    ...Object.fromEntries(entries),
    ...(auth && { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
  };
}

function connectorFor(options: RequestOptions, proxyUrl: string | undefined, origin: string): () => Dispatcher {
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: rejectUnauthorized ?? true,
    ...(servername !== undefined && { servername }),
  };
  if (proxyUrl === undefined) return () => new Agent({ ...KEEP_ALIVE, connect: { ...KEEP_ALIVE.connect, ...tls } });
  if (proxyUrl.startsWith('socks')) {
    throw new Failure('the kubeconfig names a SOCKS proxy, which is not supported', {
      advice: 'use an http or https proxy-url',
    });
  }
  const proxy = URL.parse(proxyUrl);
  if (proxy === null || !/^https?:$/.test(proxy.protocol) || proxy.pathname + proxy.search + proxy.hash !== '/') {
    throw new Failure(`the kubeconfig ${origin} has a proxy-url that is no http or https URL of host and port`);
  }
  return () => new ProxyAgent({ uri: proxyUrl, requestTls: tls });
}
