import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import * as v from 'valibot';
import { type Change, type Kind, kinds, type WitnessedCluster, type WitnessedRequest } from './cluster.ts';

const RETRY_MS = 200;

const Meta = v.looseObject({ uid: v.string(), resourceVersion: v.string() });
const Item = v.looseObject({ metadata: Meta });
const List = v.object({
  apiVersion: v.string(),
  metadata: v.object({ resourceVersion: v.string() }),
  items: v.nullable(v.array(Item)),
});
const Event = v.object({ type: v.string(), object: v.looseObject({}) });
const Group = v.object({ preferredVersion: v.object({ groupVersion: v.string() }) });
type Item = v.InferOutput<typeof Item>;

/**
 * A real API server, watched by an administrator through lists and watches of its own, which share no code with the drainer.
 *
 * @param kubeconfig the administrator's, as text
 * @param auditLog the server's audit log, one JSON event a line, of any level:
 *   https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/. Without it nothing that was asked for can be judged.
 */
export function apiServer(kubeconfig: string, auditLog: string | undefined): WitnessedCluster {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const closing = new AbortController();
  const objects = new Map<Kind, ObjectsOf>();
  const auditStart = auditLog === undefined ? 0 : statSync(auditLog).size;
  return {
    observe: async (listener) => {
      const { preferredVersion } = v.parse(Group, await get(config, '/apis/policy', closing.signal));
      for (const kind of kinds) objects.set(kind, new ObjectsOf(kind, listener));
      await Promise.all(
        [...objects].map(async ([kind, known]) => {
          const path = pathOf(kind, preferredVersion.groupVersion);
          const version = await known.list(config, path, closing.signal);
          void follow(config, path, known, version, closing.signal);
        }),
      );
    },
    caughtUp: async () => {
      await Promise.all([...objects.values()].map((known) => known.listAgain(config, closing.signal)));
    },
    requests: async () => (auditLog === undefined ? [] : audited(auditLog, auditStart)),
    // The machines behind a real API server are not the test's to switch off: its fake kubelets go on.
    powerOff: () => undefined,
    powerOn: () => undefined,
    close: () => closing.abort(),
  };
}

function pathOf(kind: Kind, policy: string): string {
  switch (kind) {
    case 'volumeattachments':
      return `/apis/storage.k8s.io/v1/${kind}`;
    case 'daemonsets':
      return `/apis/apps/v1/${kind}`;
    case 'poddisruptionbudgets':
      return `/apis/${policy}/${kind}`;
    default:
      return `/api/v1/${kind}`;
  }
}

/** The objects of one kind, of which lists and watches tell side by side: what is older than the known state is not told. */
class ObjectsOf {
  readonly #kind: Kind;
  readonly #listener: (change: Change) => void;
  readonly #known = new Map<string, Item>();
  readonly #gone = new Set<string>();
  #path = '';

  constructor(kind: Kind, listener: (change: Change) => void) {
    this.#kind = kind;
    this.#listener = listener;
  }

  /** Answers the resource version of the list. */
  async list(config: KubeConfig, path: string, signal: AbortSignal): Promise<string> {
    this.#path = path;
    const before = new Map(this.#known);
    const { apiVersion, metadata, items } = v.parse(List, await get(config, path, signal));
    const listed = new Set((items ?? []).map((item) => item.metadata.uid));
    // The items of a list do not say their version themselves.
    for (const item of items ?? []) this.see({ apiVersion, ...item });
    for (const [uid, item] of before) if (!listed.has(uid)) this.lose(item);
    return metadata.resourceVersion;
  }

  async listAgain(config: KubeConfig, signal: AbortSignal): Promise<void> {
    await this.list(config, this.#path, signal);
  }

  see(item: Item): void {
    const { uid, resourceVersion } = item.metadata;
    if (this.#gone.has(uid)) return;
    const before = this.#known.get(uid);
    if (before !== undefined && Number(before.metadata.resourceVersion) >= Number(resourceVersion)) return;
    this.#known.set(uid, item);
    this.#listener({ kind: this.#kind, object: item, gone: false });
  }

  lose(item: Item): void {
    const { uid } = item.metadata;
    if (this.#gone.has(uid)) return;
    this.#gone.add(uid);
    this.#known.delete(uid);
    this.#listener({ kind: this.#kind, object: item, gone: true });
  }
}

/** Watches until the signal aborts; whenever a watch ends, lists and watches again. */
async function follow(
  config: KubeConfig,
  path: string,
  known: ObjectsOf,
  from: string,
  signal: AbortSignal,
): Promise<void> {
  for (let version = from; !signal.aborted; ) {
    try {
      const response = await open(config, `${path}?watch=1&resourceVersion=${version}`, signal);
      for await (const line of linesOf(response)) {
        const { type, object } = v.parse(Event, JSON.parse(line));
        if (type === 'ERROR') break;
        const item = v.parse(Item, object);
        if (type === 'DELETED') known.lose(item);
        else known.see(item);
      }
      version = await known.list(config, path, signal);
    } catch {
      // An outage that a test makes is nothing to the witness: it looks again when the server is back.
      if (!signal.aborted) await pause(RETRY_MS, undefined, { ref: false });
    }
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

async function get(config: KubeConfig, path: string, signal: AbortSignal): Promise<unknown> {
  return JSON.parse(await text(await open(config, path, signal)));
}

async function open(config: KubeConfig, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { server } = config.getCurrentCluster() ?? {};
  if (server === undefined) throw new Error('the kubeconfig of the witness names no cluster');
  const options = { method: 'GET', headers: { accept: 'application/json' }, signal };
  await config.applyToHTTPSOptions(options);
  const sending = request(new URL(path, server), options);
  sending.end();
  const [response]: IncomingMessage[] = await once(sending, 'response');
  if (response?.statusCode === 200) return response;
  throw new Error(`GET ${path}: the API server answered ${response?.statusCode} to the witness`);
}

const User = v.object({ username: v.optional(v.string(), '') });
const AuditEvent = v.object({
  stage: v.literal('ResponseComplete'),
  verb: v.string(),
  requestReceivedTimestamp: v.string(),
  user: User,
  impersonatedUser: v.optional(User),
  objectRef: v.object({
    resource: v.string(),
    subresource: v.optional(v.string()),
    namespace: v.optional(v.string()),
    name: v.optional(v.string()),
  }),
  responseStatus: v.optional(v.object({ code: v.optional(v.number(), 0) }), {}),
});

/** The requests for pods and nodes in the audit log, from a byte of it on. */
export async function audited(file: string, start: number): Promise<WitnessedRequest[]> {
  const found: WitnessedRequest[] = [];
  for await (const line of createInterface({ input: createReadStream(file, { start }) })) {
    if (!/"resource":"(?:pods|nodes)"/.test(line)) continue;
    const event = v.safeParse(AuditEvent, parsed(line));
    if (!event.success) continue;
    const { verb, user, impersonatedUser, objectRef, responseStatus, requestReceivedTimestamp } = event.output;
    const { resource, subresource, namespace, name } = objectRef;
    found.push({
      at: Date.parse(requestReceivedTimestamp),
      user: (impersonatedUser ?? user).username,
      verb,
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      namespace,
      name,
      status: responseStatus.code,
    });
  }
  return found;
}

/** The last line may be half written. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
