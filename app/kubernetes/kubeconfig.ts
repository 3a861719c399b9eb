import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import * as v from 'valibot';
import type { Clock } from '../clock.ts';
import { Failure } from '../failure.ts';
import type { Access } from './access.ts';
import { renewing } from './authentication.ts';
import { KubeConfig, load, YAMLException } from './client-node.ts';
import { KEEP_ALIVE } from './dispatcher.ts';

const Entry = v.looseObject({ name: v.string() });
const Shape = v.object({
  clusters: v.array(v.looseObject({ ...Entry.entries, cluster: v.looseObject({ server: v.string() }) })),
  users: v.optional(v.nullable(v.array(v.looseObject({ ...Entry.entries, user: v.nullish(v.looseObject({})) })))),
  contexts: v.array(v.looseObject({ ...Entry.entries, context: v.looseObject({ cluster: v.string() }) })),
  'current-context': v.pipe(v.string(), v.minLength(1)),
});

/** What makes the drainer run a command, or read a file of its own machine, because a kubeconfig says so. */
const FOREIGN_USER_KEYS = ['exec', 'auth-provider', 'tokenFile', 'token-file', 'client-certificate', 'client-key'];
const FOREIGN_CLUSTER_KEYS = ['certificate-authority'];

/** Access by a kubeconfig file of this machine, with everything that kubectl accepts in one. */
export async function accessByFile(path: string, clock: Clock): Promise<Access> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Failure(`the kubeconfig ${path} cannot be read`, { cause });
  });
  shapeOf(text, path);
  return accessBy(path, clock, () => {
    const config = new KubeConfig();
    config.loadFromFile(path);
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
export async function accessByForeignText(text: string, origin: string, clock: Clock): Promise<Access> {
  const { clusters, users } = shapeOf(text, origin);
  const foreign = [
    ...(users ?? []).flatMap(({ name, user }) =>
      FOREIGN_USER_KEYS.filter((key) => user?.[key] !== undefined).map((key) => `user ${name} has '${key}'`),
    ),
    ...clusters.flatMap(({ name, cluster }) =>
      FOREIGN_CLUSTER_KEYS.filter((key) => cluster[key] !== undefined).map((key) => `cluster ${name} has '${key}'`),
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
  return accessBy(origin, clock, () => {
    const config = new KubeConfig();
    config.loadFromString(text);
    return config;
  });
}

function shapeOf(text: string, origin: string): v.InferOutput<typeof Shape> {
  let parsed: unknown;
  try {
    parsed = load(text);
  } catch (error) {
    // The parser's own message quotes the lines around the fault, and with them secrets.
    const where = error instanceof YAMLException && error.mark ? ` (line ${error.mark.line + 1})` : '';
    throw new Failure(`the kubeconfig ${origin} is not valid YAML${where}`);
  }
  const shape = v.safeParse(Shape, parsed);
  if (shape.success) return shape.output;
  const faults = shape.issues.map((issue) => v.getDotPath(issue) ?? 'the whole').join(', ');
  throw new Failure(`the kubeconfig ${origin} is not one: ${faults} is missing or of the wrong kind`);
}

async function accessBy(origin: string, clock: Clock, read: () => KubeConfig): Promise<Access> {
  const config = read();
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Failure(`the kubeconfig ${origin} has no cluster for its current context ${config.currentContext}`);
  }
  const connect = connectorFor(await optionsOf(config, origin), cluster.proxyUrl);
  const authenticate = renewing(async () => {
    // Read again: the file may have been rotated, a command may give another token.
    const headers = headersOf(await optionsOf(read(), origin));
    return { headers, renewAt: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY };
  }, clock);
  return { server: cluster.server.replace(/\/+$/, ''), connect, authenticate };
}

/** What client-node makes of a kubeconfig: TLS options and headers. */
async function optionsOf(config: KubeConfig, origin: string): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw new Failure(`the kubeconfig ${origin} cannot be used`, { cause });
  }
  return options;
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const entries = Object.entries({ ...headers }).map(([name, value]) => [name, String(value)] as const);
  return {
    ...Object.fromEntries(entries),
    ...(auth && { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
  };
}

function connectorFor(options: RequestOptions, proxyUrl: string | undefined): () => Dispatcher {
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(servername !== undefined && { servername }),
  };
  if (proxyUrl === undefined) return () => new Agent({ ...KEEP_ALIVE, connect: { ...KEEP_ALIVE.connect, ...tls } });
  if (proxyUrl.startsWith('socks')) {
    throw new Failure('the kubeconfig names a SOCKS proxy, which is not supported', {
      advice: 'use an http or https proxy-url',
    });
  }
  return () => new ProxyAgent({ uri: proxyUrl, requestTls: tls });
}
