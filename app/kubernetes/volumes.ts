import * as v from 'valibot';
import type { Claim } from '../drain/cluster.ts';
import type { Clock } from '../lib/clock.ts';
import type { Attachment, Volumes } from '../run/volumes.ts';
import { getOptional, type KubernetesClient } from './client.ts';
import { parseResponse } from './errors.ts';
import { listFromCache, listOnce, listPages } from './list-watch.ts';
import { nodeDirectory } from './nodes.ts';

/** More attachments come from the watch cache, if that is up to date. */
const PAGE_SIZE = 500;
const ATTACHMENTS_PATH = '/apis/storage.k8s.io/v1/volumeattachments';

/** In `status.volumesInUse`, volumes of CSI drivers start so; they have VolumeAttachments. */
const CSI_PREFIX = 'kubernetes.io/csi/';

/**
 * The volumes of one node: its VolumeAttachments and, in-tree, what its kubelet has in use. The API cannot select attachments by
 * node, so they are listed once; after that each is read by name. (Their names follow from `status.volumesAttached`, but a volume
 * leaves that status before it is detached: a task that comes later would not wait for it.)
 * https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
 */
export function volumesOf(client: KubernetesClient, nodeName: string, clock: Clock): Volumes {
  return {
    async attached(except, volumesInUse, signal) {
      const attachments: Attachment[] = [];
      for (const { name, volume } of await attachmentsOn(client, nodeName, clock, signal)) {
        const claim = volume === undefined || except.length === 0 ? undefined : await claimOf(client, volume, signal);
        if (!except.some((one) => one.namespace === claim?.namespace && one.name === claim.name)) {
          attachments.push({ kind: 'attachment', name, volume: volume ?? name });
        }
      }
      // Which in-tree volume belongs to which claim only the claim's volume says; with pods that stay, they may all be theirs.
      const inTree = except.length > 0 ? [] : volumesInUse.filter((volume) => !volume.startsWith(CSI_PREFIX));
      return [...attachments, ...inTree.map((volume) => ({ kind: 'in-tree', volume }) as const)];
    },
    async isAttached(attachment, signal) {
      if (attachment.kind === 'attachment') {
        return (await getOptional(client, ATTACHMENTS_PATH, attachment.name, signal)) !== undefined;
      }
      const node = await nodeDirectory(client).byName(nodeName, signal);
      return node?.volumesInUse.includes(attachment.volume) ?? false;
    },
  };
}

const AttachmentObject = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({ nodeName: v.string(), source: v.object({ persistentVolumeName: v.optional(v.string()) }) }),
});

type NamedAttachment = { readonly name: string; readonly volume: string | undefined };

/** In a large cluster, the first page says how new the watch cache has to be; when the cache is behind, etcd gives the other pages. */
async function attachmentsOn(
  client: KubernetesClient,
  nodeName: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly NamedAttachment[]> {
  const read = (object: unknown): NamedAttachment | undefined => {
    const { metadata, spec } = v.parse(AttachmentObject, object);
    if (spec.nodeName !== nodeName) return undefined;
    return { name: metadata.name, volume: spec.source.persistentVolumeName };
  };
  const collection = { name: 'volume attachments', path: ATTACHMENTS_PATH, read };
  const all: (NamedAttachment | undefined)[] = [];
  const page = { verb: 'list', path: `${ATTACHMENTS_PATH}?limit=${PAGE_SIZE}`, signal } as const;
  const first = await listOnce(client, page, read);
  const fresh =
    first.continueToken === ''
      ? first.items
      : await listFromCache(client, collection, first.resourceVersion, clock, signal);
  if (fresh !== undefined) all.push(...fresh);
  else for await (const items of listPages(client, ATTACHMENTS_PATH, PAGE_SIZE, read, signal)) all.push(...items);
  return all.filter((item) => item !== undefined);
}

const VolumeObject = v.object({
  spec: v.object({ claimRef: v.optional(v.object({ namespace: v.string(), name: v.string() })) }),
});

/** The claim that is bound to a PersistentVolume, if any. */
async function claimOf(client: KubernetesClient, volume: string, signal: AbortSignal): Promise<Claim | undefined> {
  const object = await getOptional(client, '/api/v1/persistentvolumes', volume, signal);
  const read = () => v.parse(VolumeObject, object).spec.claimRef;
  return object === undefined ? undefined : parseResponse(`get PersistentVolume ${volume}`, read);
}
