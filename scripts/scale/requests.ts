/** A drain, as far as its requests to the Kubernetes API server depend on it. */
export type DrainedNode = {
  /** Pods that are evicted, by namespace. No budget blocks them. */
  readonly podsByNamespace: readonly number[];
  /** Volumes that are attached to the node when its pods have left, and for how long, at intervals of a second. */
  readonly volumes: number;
  readonly detachSeconds: number;
  /** From the cordon until the last pod has gone. */
  readonly drainSeconds: number;
  /** Pods of the whole cluster. */
  readonly clusterPods: number;
  /** VolumeAttachments of the whole cluster. */
  readonly attachments: number;
};

type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch';

/** Requests of one kind. */
export type Requests = {
  readonly what: string;
  readonly verb: Verb;
  readonly count: number;
  /** Where the API server has the answer from. */
  readonly servedFrom: string;
};

/** `PAGE_SIZE` of app/kubernetes/volumes.ts. */
const ATTACHMENTS_PER_PAGE = 500;
/** `SMALL_COLLECTION` of app/kubernetes/list-watch.ts. */
const SMALL_CLUSTER_PODS = 1_000;
/** `WATCH_SECONDS` of app/kubernetes/list-watch.ts. */
const WATCH_SECONDS = 290;

/** Every request of a drain with the default settings, in the order in which it sends them; test/infra/requests.test.ts counts them. */
export function requestsOf(node: DrainedNode): Requests[] {
  const pods = node.podsByNamespace.reduce((sum, count) => sum + count, 0);
  const watches = Math.max(1, Math.ceil(node.drainSeconds / WATCH_SECONDS));
  // The last look follows the wait for load balancers and volumes, and is a second confirmation.
  const confirmations = 2;
  /** `WATCHED_AFTER_MS` of app/run/drain-node.ts. */
  const isWatchedAfter = node.detachSeconds > 1 ? 1 : 0;
  const isSmall = node.clusterPods <= SMALL_CLUSTER_PODS;
  return [
    { what: 'the version of the eviction API', verb: 'get', count: 1, servedFrom: 'memory' },
    { what: 'the node, by its private DNS name', verb: 'get', count: 1, servedFrom: 'etcd, one object' },
    { what: 'cordon, then exclusion from load balancers', verb: 'patch', count: 2, servedFrom: 'etcd, a write each' },
    {
      what: 'conditions of the node, at the start and at the end',
      verb: 'patch',
      count: 2,
      servedFrom: 'etcd, a write each',
    },
    {
      what: 'pods of the node, before each watch (`resourceVersion=0`, later `NotOlderThan`)',
      verb: 'list',
      count: watches + isWatchedAfter,
      servedFrom: 'watch cache, by index',
    },
    {
      what: 'the node, before each watch but the first (`NotOlderThan`)',
      verb: 'list',
      count: watches - 1,
      servedFrom: 'watch cache',
    },
    {
      what: `watches of the node and of its pods, ${WATCH_SECONDS} s each, and while volumes are detached`,
      verb: 'watch',
      count: 2 * (watches + isWatchedAfter),
      servedFrom: 'watch cache',
    },
    {
      what: 'budgets, of each namespace with several pods on the node',
      verb: 'list',
      count: node.podsByNamespace.filter((count) => count > 1).length,
      servedFrom: 'watch cache (before 1.31: etcd, the budgets of the namespace)',
    },
    { what: 'evictions', verb: 'create', count: pods, servedFrom: 'etcd, two writes each, three with a budget' },
    { what: 'Events', verb: 'create', count: 2, servedFrom: 'etcd, a write each' },
    {
      what: 'the current revision, before each confirmation (all pods, `limit=1`; in a small cluster once)',
      verb: 'list',
      count: isSmall ? 1 : confirmations,
      servedFrom: 'etcd, one object',
    },
    {
      what: 'confirmation that the node is empty (`NotOlderThan` that revision)',
      verb: 'list',
      count: confirmations,
      servedFrom: isSmall
        ? 'etcd, all pods'
        : 'watch cache, by index (before 1.31: etcd, if no pod of the cluster changes for 0.5 s)',
    },
    {
      what: `volume attachments of the cluster: a page of ${ATTACHMENTS_PER_PAGE}, and all if there are more`,
      verb: 'list',
      count: node.attachments > ATTACHMENTS_PER_PAGE ? 2 : 1,
      servedFrom: 'etcd the page, watch cache all (before 1.31: etcd, if none changes for 0.5 s)',
    },
    {
      what: 'each attachment of the node, once a second until it is gone',
      verb: 'get',
      count: node.volumes * (1 + node.detachSeconds),
      servedFrom: 'etcd, one object each',
    },
  ];
}

export function totalOf(requests: readonly Requests[]): number {
  return requests.reduce((sum, { count }) => sum + count, 0);
}
