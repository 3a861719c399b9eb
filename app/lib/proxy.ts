import { BlockList, isIP } from 'node:net';

/** An HTTP proxy. */
export type HttpProxy = {
  /** `http://proxy.example.com:3128`, without user name and password: it appears in messages. */
  readonly origin: string;
  readonly protocol: 'http:' | 'https:';
  /** IPv6 addresses without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The value of the header Proxy-Authorization. */
  readonly authorization?: string;
  /** Where it was set, for people: `HTTPS_PROXY`. */
  readonly source: string;
};

/** The proxies of the process, as the environment names them. */
export type ProxySettings = {
  /** For https URLs. */
  readonly https?: HttpProxy;
  /** For http URLs. */
  readonly http?: HttpProxy;
  /** Hosts that are reached without a proxy. */
  readonly noProxy: string;
};

/** Where a connection goes to. */
export type Target = {
  readonly protocol: string;
  /** IPv6 addresses without brackets. */
  readonly hostname: string;
  readonly port: number;
};

const DEFAULT_PORTS = { 'http:': 80, 'https:': 443 };

/**
 * Parses the URL of a proxy. Without a scheme it is an http URL, as for every program that reads HTTPS_PROXY.
 * @param source where it was set, for people
 * @returns what is wrong with it, as the end of a sentence that does not quote it: it may contain a password
 */
export function parseProxy(text: string, source: string): HttpProxy | string {
  if (/^socks/i.test(text)) return 'is a SOCKS proxy, which is not supported: use an http or https URL';
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  const protocol = url?.protocol;
  if (url === null || (protocol !== 'http:' && protocol !== 'https:')) return 'must be an http or https URL';
  if (url.pathname + url.search + url.hash !== '/') return 'must be an http or https URL with only a host and a port';
  const credentials = credentialsOf(url);
  if (credentials === undefined) return 'has a user name or password that is not percent-encoded correctly';
  return {
    origin: url.origin,
    protocol,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORTS[protocol] : Number(url.port),
    ...(credentials !== ':' && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    source,
  };
}

function credentialsOf({ username, password }: URL): string | undefined {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}

/** The proxy for a target; undefined: it is reached directly. */
export function proxyFor(settings: ProxySettings, target: Target): HttpProxy | undefined {
  const proxy = target.protocol === 'https:' ? settings.https : settings.http;
  return proxy === undefined || isDirect(target, settings.noProxy) ? undefined : proxy;
}

/** The metadata of the machine and the credentials of a task are local: a proxy would answer with its own, or with none. */
const LOCAL = new BlockList();
LOCAL.addSubnet('127.0.0.0', 8, 'ipv4');
LOCAL.addAddress('::1', 'ipv6');
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html (169.254.170.2)
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html (169.254.169.254, fd00:ec2::254)
LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LOCAL.addSubnet('fd00:ec2::', 32, 'ipv6');

/**
 * Is the target reached without a proxy? NO_PROXY means the same as for kubectl and other programs in Go: `*`, names with their
 * subdomains, `.name` and `*.name` for subdomains only, addresses and networks, each but `*` and networks with an optional port. The
 * machine itself is never reached through a proxy.
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
 */
export function isDirect({ hostname, port }: Target, noProxy: string): boolean {
  const host = hostname.toLowerCase();
  if (host === 'localhost' || contains(LOCAL, host)) return true;
  return noProxy.split(',').some((entry) => matches(entry.trim().toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true;
  const network = /^(.+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return contains(networkOf(network[1] ?? '', Number(network[2])), host);
  const [name, entryPort] = splitPort(entry);
  if (name === '' || (entryPort !== undefined && entryPort !== String(port))) return false;
  if (isIP(name) !== 0) return contains(networkOf(name, isIP(name) === 4 ? 32 : 128), host);
  if (isIP(host) !== 0) return false;
  const suffix = name.replace(/^\*(?=\.)/, '');
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

/** `host`, `host:port`, `[address]`, `[address]:port`, or an IPv6 address */
function splitPort(entry: string): [name: string, port: string | undefined] {
  if (isIP(entry) !== 0) return [entry, undefined];
  const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(entry);
  return [parts?.[1] ?? parts?.[2] ?? '', parts?.[3] || undefined];
}

/** Empty for something that is no network: a bad entry of NO_PROXY is ignored. */
function networkOf(address: string, prefix: number): BlockList {
  const network = new BlockList();
  const family = isIP(address);
  if (family === 0 || prefix > (family === 4 ? 32 : 128)) return network;
  network.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return network;
}

function contains(network: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && network.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
