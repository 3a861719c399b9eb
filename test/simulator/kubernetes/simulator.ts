import { Faults, type KubernetesFault } from '../faults.ts';
import type { Refusal } from '../listener.ts';
import { newAuthority, servingCertificate } from './certificate.ts';
import { runDaemonSets } from './controllers/daemon-set.ts';
import { runDeployments } from './controllers/deployment.ts';
import { runDisruption } from './controllers/disruption.ts';
import { runEvictionRequests } from './controllers/eviction-requests.ts';
import { runGarbageCollector } from './controllers/garbage.ts';
import { runKubelet } from './controllers/kubelet.ts';
import { runNamespaces } from './controllers/namespace.ts';
import { runNodeLifecycle } from './controllers/node-lifecycle.ts';
import { runOutOfService } from './controllers/out-of-service.ts';
import { runPodGc } from './controllers/pod-gc.ts';
import { type MachineState, type PowerTimes, powerOff, powerOn } from './controllers/power.ts';
import { runReplicaSets } from './controllers/replica-set.ts';
import { type Responder, runResponders } from './controllers/responders.ts';
import { runScheduler } from './controllers/scheduler.ts';
import { runStatefulSets } from './controllers/stateful-set.ts';
import type { Authenticate } from './http/authentication.ts';
import { bootstrapRoles } from './http/authorization.ts';
import type { RecordedRequest } from './http/record.ts';
import { Rendering } from './http/rendering.ts';
import { ApiServer } from './http/server.ts';
import { type KubeconfigUser, kubeconfigText } from './kubeconfig.ts';
import { type Cluster, createCluster, tablesOf } from './model/cluster.ts';
import type { KubernetesObject } from './model/metadata.ts';
import type { Version } from './model/resource.ts';
import { toJson } from './model/shape.ts';
import type { Webhooks } from './model/webhooks.ts';
import { type NodeSpec, nodeSpecs, registerNode } from './nodes.ts';
import { createObject } from './registry/creation.ts';

export type KubernetesSimulator = {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** The authority of the server's certificate as of now, PEM. */
  readonly ca: string;
  readonly faults: Faults<KubernetesFault>;
  /** Admission webhooks that deny evictions or deletions of pods. */
  readonly webhooks: Pick<Webhooks, 'add'>;
  /** Every request since the start, in the order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** YAML with everything inline, the authority as of now. */
  kubeconfig(user?: KubeconfigUser): string;
  /** Closes every open watch now: an orderly end, or a reset. */
  dropWatches(how?: 'end' | 'reset'): void;
  /** Writes this text into every open watch now, between two events; `garbage` has some. */
  garbleWatches(text: string): void;
  /**
   * Replaces the serving certificate, by one of the same authority or of a new one, and closes every connection: those
   * that come after it present the new chain. `ca` and `kubeconfig()` give the new authority from then on.
   */
  rotateCertificate(options?: { newAuthority?: boolean }): Promise<void>;
  /** Closes the port and every connection until `end()`, which opens the same port: to connect is refused till then. */
  refuseConnections(): Promise<Refusal>;
  /**
   * Switches off the node's machine without a warning. Its containers are gone, its kubelet falls silent, and its pods stay
   * in the API until the control plane notices.
   * @param machine `stopped`: its instance is still there, so that the node stays. Default: `gone`
   */
  powerOff(node: string, machine?: MachineState): void;
  /** Switches the node's machine on again. */
  powerOn(node: string): void;
  /**
   * Hears of every object that is there, and then of every write in its order. No request is made and none is recorded, and
   * no fault disturbs it. Answers how to stop.
   */
  observe(listener: (change: ObservedChange) => void): () => void;
  /** Forgets the history: watches and lists from older resource versions answer 410 Gone. */
  compact(): void;
  stop(): Promise<void>;
};

/** One object as it is now, or as it was last. `resource` is its plural: `pods`. */
export type ObservedChange = { readonly resource: string; readonly object: KubernetesObject; readonly gone: boolean };

export type KubernetesOptions = {
  port?: number;
  /** How many, or which. Default: 3. */
  nodes?: number | readonly NodeSpec[];
  /** v1.20 serves policy/v1beta1 only, v1.34 policy/v1, v1.37 EvictionRequests, too. Default: v1.34. */
  version?: Version;
  /** The programs that pods can name as their responders (v1.37). */
  responders?: readonly Responder[];
  /** Knows bearer tokens besides the static ones. */
  authenticate?: Authenticate;
  /** When a watch without timeoutSeconds is closed. Default: 30 minutes. */
  watchTimeoutMs?: number;
  /** Default: a second; a real server sends one about each minute. */
  bookmarkIntervalMs?: number;
  /** When the control plane notices that a machine is off. Default: as late as the real one. */
  power?: PowerTimes;
};

/** Starts a Kubernetes API with state, controllers, a scheduler and kubelets, but without containers. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesSimulator> {
  const cluster = createCluster(options.version ?? 'v1.34');
  runControllers(cluster);
  runResponders(cluster, options.responders ?? []);
  populate(cluster, nodeSpecs(options.nodes ?? 3));
  // A server that has just started knows nothing of what was before: neither does a real one's watch cache.
  compact(cluster);
  const faults = new Faults<KubernetesFault>();
  let authority = await newAuthority();
  const tls = await servingCertificate(authority);
  const watchTimes = {
    timeoutMs: options.watchTimeoutMs ?? 30 * 60 * 1000,
    bookmarkIntervalMs: options.bookmarkIntervalMs ?? 1000,
  };
  const server = new ApiServer({ cluster, faults, rendering: new Rendering(), watchTimes }, tls, options.authenticate);
  const url = `https://127.0.0.1:${await server.listen(options.port ?? 0)}`;
  return {
    url,
    get ca() {
      return authority.cert;
    },
    faults,
    webhooks: cluster.webhooks,
    requests: server.requests,
    kubeconfig: (user = 'admin') => kubeconfigText(url, authority.cert, user),
    dropWatches: (how = 'end') => server.dropWatches(how),
    garbleWatches: (text) => server.garbleWatches(text),
    rotateCertificate: async (rotation = {}) => {
      if (rotation.newAuthority === true) authority = await newAuthority();
      server.rotate(await servingCertificate(authority));
    },
    refuseConnections: () => server.refuse(),
    powerOff: (node, machine = 'gone') => powerOff(cluster, node, machine, options.power),
    powerOn: (node) => powerOn(cluster, node),
    observe: (listener) => observe(cluster, listener),
    compact: () => compact(cluster),
    stop: async () => {
      cluster.timers.stop();
      await server.stop();
    },
  };
}

function compact(cluster: Cluster): void {
  for (const table of tablesOf(cluster)) table.compact();
}

function observe(cluster: Cluster, listener: (change: ObservedChange) => void): () => void {
  const stops = tablesOf(cluster).map((table) => {
    const resource = table.resource.name;
    for (const object of table.list()) listener({ resource, object, gone: false });
    return table.subscribe(({ type, object }) => listener({ resource, object, gone: type === 'DELETED' }));
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function runControllers(cluster: Cluster): void {
  runScheduler(cluster);
  runKubelet(cluster);
  runReplicaSets(cluster);
  runDeployments(cluster);
  runStatefulSets(cluster);
  runDaemonSets(cluster);
  runDisruption(cluster);
  runNamespaces(cluster);
  runGarbageCollector(cluster);
  runPodGc(cluster);
  // The real control plane of version 1.20 that the simulator is compared with runs without these controllers.
  if (cluster.version === 'v1.20') return;
  runNodeLifecycle(cluster);
  runOutOfService(cluster);
  if (cluster.version === 'v1.37') runEvictionRequests(cluster);
}

function populate(cluster: Cluster, nodes: readonly NodeSpec[]): void {
  for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
    createObject(cluster, cluster.tables.namespaces, undefined, { metadata: { name } });
  bootstrapRoles(cluster, (table, body) => createObject(cluster, cluster.tables[table], undefined, toJson(body)));
  for (const node of nodes) registerNode(cluster, node);
}
