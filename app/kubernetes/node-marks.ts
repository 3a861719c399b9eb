import * as v from 'valibot';
import { Failure } from '../lib/errors.ts';
import type { NodeRef } from '../run/find-node.ts';
import type { KubernetesClient } from './client.ts';
import { type ApiError, asDenied, isConflict, isNotFound, isOtherUid, parseResponse } from './errors.ts';
import { EXCLUSION_LABEL, type Metadata, StringMap } from './metadata.ts';
import { nodeDirectory, readNode } from './nodes.ts';

/**
 * What a drain changed on the node, so that `undo` takes back exactly that when the machine returns into service: what others
 * did is theirs.
 */
const CORDONED = 'node-drainer/cordoned';
const EXCLUDED = 'node-drainer/excluded-from-load-balancers';
const OUT_OF_SERVICE = 'node-drainer/out-of-service';

/** Other controllers may change the node between the read and the write. */
const MAX_UPDATE_ATTEMPTS = 5;

const EXCLUSION = { labels: { [EXCLUSION_LABEL]: 'true' }, annotations: { [EXCLUDED]: 'true' } };

/**
 * Marks the node unschedulable and, optionally, excludes it from external load balancers, in one request. A node that is
 * cordoned already gets no mark: another user may have cordoned it. A mark is written only on the node as it was read, because
 * another user may cordon it at this moment.
 * @param options with `marks` the cordon is taken back when the instance returns into service; not that of a person who drains a node
 * @returns the node after that; 'replaced' when it no longer exists, or another node has its name
 * @throws Denied, ApiError or ApiUnreachable; a transient Failure after a conflict on every attempt
 */
export async function cordon(
  client: KubernetesClient,
  node: NodeRef,
  { exclude, marks }: { readonly exclude: boolean; readonly marks: boolean },
  signal: AbortSignal,
): Promise<NodeRef | 'replaced'> {
  const exclusion = exclude && !node.excluded ? EXCLUSION : undefined;
  let current: NodeRef | undefined = node;
  for (let attempt = 1; current !== undefined && current.uid === node.uid; attempt++) {
    const isMarked = marks && !current.cordoned;
    const annotations = { ...(isMarked && { [CORDONED]: 'true' }), ...exclusion?.annotations };
    const metadata = {
      uid: node.uid,
      ...(isMarked && { resourceVersion: current.resourceVersion }),
      ...exclusion,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    };
    try {
      return await patch(client, node, { metadata, spec: { unschedulable: true } }, signal);
    } catch (error) {
      if (!isMarked || !isConflict(error)) throw error;
      if (attempt === MAX_UPDATE_ATTEMPTS) throw conflict(node, attempt, error);
      current = await nodeDirectory(client).byName(node.name, signal);
    }
  }
  return 'replaced';
}

/** Has a drain of an instance cordoned this node? */
export function isMarkedAsCordoned({ annotations }: v.InferOutput<typeof Metadata>): boolean {
  return annotations?.[CORDONED] !== undefined;
}

/** Excludes the node from external load balancers. @returns and @throws as `cordon` */
export async function exclude(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<'excluded' | 'replaced'> {
  if (node.excluded) return 'excluded';
  const patched = await patch(client, node, { metadata: { uid: node.uid, ...EXCLUSION } }, signal);
  return patched === 'replaced' ? 'replaced' : 'excluded';
}

/** The UID in the body is a precondition: another node that was registered under the same name is not modified. */
async function patch(
  client: KubernetesClient,
  node: NodeRef,
  body: { readonly metadata: { readonly uid: string; readonly resourceVersion?: string }; readonly spec?: object },
  signal: AbortSignal,
): Promise<NodeRef | 'replaced'> {
  try {
    const contentType = 'application/merge-patch+json';
    const patched = await client.call({ verb: 'patch', path: pathOf(node.name), contentType, body, signal });
    return parseResponse(`patch node ${node.name}`, () => readNode(patched));
  } catch (error) {
    if (isNotFound(error, node.name) || isOtherUid(error)) return 'replaced';
    throw asDenied(error);
  }
}

const TERMINATING_TAINT = { key: 'node-drainer/terminating', effect: 'NoSchedule' };

const MarkedNode = v.object({
  metadata: v.object({ uid: v.string(), resourceVersion: v.string(), annotations: StringMap }),
  spec: v.optional(
    v.object({
      unschedulable: v.optional(v.boolean(), false),
      taints: v.optional(v.nullable(v.array(v.looseObject({ key: v.string() })))),
    }),
  ),
});
type MarkedNode = v.InferOutput<typeof MarkedNode>;
type Taint = { readonly key: string; readonly value?: string; readonly effect: string };

/**
 * Says that the machine has ended: the cluster deletes its pods without waiting for its kubelet, and detaches its volumes at
 * once instead of after six minutes. Only for a machine that is certainly off: a volume that is still mounted would be damaged.
 * https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
 */
const OUT_OF_SERVICE_TAINT = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };

/**
 * Adds a taint that DaemonSets do not tolerate by default, so that their pods do not return once they are gone. (DaemonSets
 * tolerate a cordon.)
 * @returns 'replaced' when the node no longer exists, or another node has its name
 * @throws Denied, ApiError or ApiUnreachable; a transient Failure after a conflict on every attempt
 */
export async function taint(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<'tainted' | 'replaced'> {
  return addTaint(client, node, TERMINATING_TAINT, {}, signal);
}

/** Marks the node of a machine that has ended as out of service. @returns and @throws as `taint` */
export async function markOutOfService(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
): Promise<'tainted' | 'replaced'> {
  return addTaint(client, node, OUT_OF_SERVICE_TAINT, { annotations: { [OUT_OF_SERVICE]: 'true' } }, signal);
}

async function addTaint(
  client: KubernetesClient,
  node: NodeRef,
  added: Taint,
  metadata: object,
  signal: AbortSignal,
): Promise<'tainted' | 'replaced'> {
  const tainted = await update(client, node, signal, ({ spec }) => {
    const taints = spec?.taints ?? [];
    if (taints.some(({ key }) => key === added.key)) return undefined;
    return { metadata, spec: { taints: [...taints, added] } };
  });
  return tainted === 'replaced' ? 'replaced' : 'tainted';
}

/**
 * Undoes what a drain did to the node: uncordons it, and removes the taints and the label that the drainer added, and no others.
 * @param onlyDrained leave a cordon alone that the annotations do not say to be the drainer's
 * @returns what was undone, for people; 'replaced' when the node no longer exists, or another node has its name
 * @throws as `taint`
 */
export async function restore(
  client: KubernetesClient,
  node: NodeRef,
  onlyDrained: boolean,
  signal: AbortSignal,
): Promise<readonly string[] | 'replaced'> {
  let undone: string[] = [];
  const restored = await update(client, node, signal, ({ metadata, spec }) => {
    const has = (annotation: string) => metadata.annotations?.[annotation] !== undefined;
    const taints = spec?.taints ?? [];
    const ours = [TERMINATING_TAINT.key, ...(has(OUT_OF_SERVICE) ? [OUT_OF_SERVICE_TAINT.key] : [])];
    const removed = taints.filter(({ key }) => ours.includes(key)).map(({ key }) => key);
    const uncordons = spec?.unschedulable === true && (!onlyDrained || has(CORDONED));
    undone = [
      ...(uncordons ? ['uncordoned'] : []),
      ...removed.map((key) => `taint ${key} removed`),
      ...(has(EXCLUDED) ? [`label ${EXCLUSION_LABEL} removed`] : []),
    ];
    const marks = [CORDONED, EXCLUDED, OUT_OF_SERVICE].filter(has);
    if (undone.length === 0 && marks.length === 0) return undefined;
    return {
      metadata: {
        ...(has(EXCLUDED) && { labels: { [EXCLUSION_LABEL]: null } }),
        ...(marks.length > 0 && { annotations: Object.fromEntries(marks.map((mark) => [mark, null])) }),
      },
      spec: {
        ...(uncordons && { unschedulable: null }),
        ...(removed.length > 0 && { taints: taints.filter(({ key }) => !ours.includes(key)) }),
      },
    };
  });
  return restored === 'replaced' ? 'replaced' : undone;
}

type NodePatch = { readonly metadata?: object; readonly spec: object };

/** Reads the node and patches it as it was read. @param change undefined: there is nothing to change */
async function update(
  client: KubernetesClient,
  node: NodeRef,
  signal: AbortSignal,
  change: (node: MarkedNode) => NodePatch | undefined,
): Promise<'updated' | 'replaced'> {
  const path = pathOf(node.name);
  for (let attempt = 1; ; attempt++) {
    try {
      const object = await client.call({ verb: 'get', path, signal });
      const current = parseResponse(`get node ${node.name}`, () => v.parse(MarkedNode, object));
      if (current.metadata.uid !== node.uid) return 'replaced';
      const changes = change(current);
      if (changes === undefined) return 'updated';
      const { resourceVersion } = current.metadata;
      const body = { ...changes, metadata: { ...changes.metadata, resourceVersion } };
      await client.call({ verb: 'patch', path, contentType: 'application/merge-patch+json', body, signal });
      return 'updated';
    } catch (error) {
      if (isNotFound(error, node.name)) return 'replaced';
      if (isConflict(error)) {
        if (attempt < MAX_UPDATE_ATTEMPTS) continue;
        throw conflict(node, attempt, error);
      }
      throw asDenied(error);
    }
  }
}

function conflict({ name }: NodeRef, attempts: number, cause: ApiError): Failure {
  return new Failure(`could not update node ${name}: a conflict on each of ${attempts} attempts`, {
    cause,
    transient: true,
  });
}

function pathOf(name: string): string {
  return `/api/v1/nodes/${encodeURIComponent(name)}`;
}
