import { type Cluster, timestamp } from '../model/cluster.ts';
import type { Pod } from '../model/objects.ts';
import { isObject, type Json, object, string } from '../model/shape.ts';
import { ApiError, badRequest, notFound, type Status, success } from '../model/status.ts';
import { spendBudget } from './budget.ts';
import { admitIntoNamespace, unrecognised } from './creation.ts';
import { type DeleteOptions, deleteObject } from './deletion.ts';
import { deleteOptions, isDryRun } from './options.ts';

/** EvictionsRetry */
const CONFLICT_ATTEMPTS = 20;
const CONFLICT_WAIT_MS = 500;

const evictionShape = object(
  {},
  {
    metadata: object({}, { name: string, namespace: string }),
    deleteOptions,
  },
);

/**
 * POST pods/NAME/eviction. Follows the API server's own order of decisions:
 * https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/storage/eviction.go
 */
export async function evict(
  cluster: Cluster,
  namespace: string,
  name: string,
  body: Json,
  queryDryRun: readonly string[],
): Promise<Status> {
  const eviction = decodeEviction(cluster, namespace, body);
  admitIntoNamespace(cluster, cluster.resources.pods, namespace, name);
  if (eviction.metadata?.name !== name) throw badRequest('name in URL does not match name in Eviction object');
  // Before the pod is read: a webhook may deny the eviction of a pod that does not exist.
  cluster.webhooks.review('eviction', { namespace, name });
  const { deleteOptions = {} } = eviction;
  isDryRun(deleteOptions.dryRun ?? [], 'DeleteOptions');
  const options = deleteOptionsOf(deleteOptions, queryDryRun);
  const guarded = await deleteUnguarded(cluster, namespace, name, options);
  if (guarded !== undefined) {
    spendBudget(cluster, guarded, options);
    disrupt(cluster, guarded, options);
  }
  return success(undefined, 201);
}

/**
 * Deletes a pod that needs no budget check, or returns the pod for the check. The server treats any conflict here as a race and
 * retries, even with the UID precondition of the caller: such an eviction waits until that pod is gone or running, or for ten seconds.
 */
async function deleteUnguarded(
  cluster: Cluster,
  namespace: string,
  name: string,
  options: DeleteOptions,
): Promise<Pod | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const pod = cluster.tables.pods.get(namespace, name);
    if (pod === undefined) throw notFound(cluster.resources.pods, name);
    if (!canIgnoreBudgets(pod)) return pod;
    try {
      disrupt(cluster, pod, options);
      return undefined;
    } catch (error) {
      const conflicts = error instanceof ApiError && error.status.reason === 'Conflict';
      const asked = options.preconditions?.resourceVersion !== undefined;
      if (!conflicts || asked || attempt === CONFLICT_ATTEMPTS) throw error;
    }
    await new Promise<void>((resolve) => cluster.timers.after(CONFLICT_WAIT_MS, resolve));
  }
}

function decodeEviction(cluster: Cluster, namespace: string, body: Json): ReturnType<typeof evictionOf> {
  if (!isObject(body)) throw unrecognised('Eviction', body === null ? '' : JSON.stringify(body));
  const served = cluster.version === 'v1.20' ? ['policy/v1beta1'] : ['policy/v1', 'policy/v1beta1'];
  const { apiVersion = served[0], kind = 'Eviction' } = body;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw unrecognised('Eviction', JSON.stringify(body));
  if (!served.includes(apiVersion) || kind !== 'Eviction')
    throw badRequest(
      `${kind} in version ${JSON.stringify(apiVersion.split('/').at(-1))} cannot be handled as a Eviction: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "${
        cluster.version === 'v1.20'
          ? 'k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30'
          : 'pkg/api/legacyscheme/scheme.go:30'
      }"`,
    );
  const eviction = evictionOf(body);
  // Servers with policy/v1beta1 ignored the namespace of the body.
  if (cluster.version !== 'v1.20' && (eviction.metadata?.namespace ?? namespace) !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  return eviction;
}

function evictionOf(body: unknown) {
  if (!evictionShape(body))
    throw badRequest('Eviction in version "v1" cannot be handled as a Eviction: a field has the wrong type');
  return body;
}

function deleteOptionsOf(
  { dryRun = [], ...options }: Omit<DeleteOptions, 'dryRun'> & { dryRun?: string[] },
  queryDryRun: readonly string[],
): DeleteOptions {
  if (dryRun.length > 0 && queryDryRun.length > 0 && dryRun.join() !== queryDryRun.join())
    throw badRequest(
      `Non-matching dry-run options in request and content: [${queryDryRun.join(' ')}] and [${dryRun.join(' ')}]`,
    );
  return { ...options, dryRun: dryRun.length > 0 || queryDryRun.length > 0 };
}

function canIgnoreBudgets({ metadata, status }: Pod): boolean {
  return (
    status.phase === 'Succeeded' ||
    status.phase === 'Failed' ||
    status.phase === 'Pending' ||
    metadata.deletionTimestamp !== undefined
  );
}

/** Deletes the pod. Newer servers first add the condition DisruptionTarget. */
function disrupt(cluster: Cluster, pod: Pod, options: DeleteOptions): void {
  const { pods } = cluster.tables;
  const { name, namespace } = pod.metadata;
  const matches =
    (options.preconditions?.uid ?? pod.metadata.uid) === pod.metadata.uid &&
    (options.preconditions?.resourceVersion ?? pod.metadata.resourceVersion) === pod.metadata.resourceVersion;
  if (cluster.version === 'v1.20' || options.dryRun === true || !matches) {
    deleteObject(cluster, pods, namespace, name, options);
    return;
  }
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: timestamp(),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  const others = (pod.status.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
  if (others.length === (pod.status.conditions ?? []).length)
    pods.write({ ...pod, status: { ...pod.status, conditions: [...others, condition] } } satisfies Pod);
  const { resourceVersion: _spent, ...preconditions } = options.preconditions ?? {};
  deleteObject(cluster, pods, namespace, name, { ...options, preconditions });
}
