import * as v from 'valibot';
import type { Claim } from '../drain/cluster.ts';
import type { Attachment, Volumes } from '../run/volumes.ts';
import type { KubernetesClient } from './client.ts';
import { asDenied, isNotFound, parseResponse } from './errors.ts';
import { listPages } from './list-watch.ts';

const PAGE_SIZE = 500;
const ATTACHMENTS_PATH = '/apis/storage.k8s.io/v1/volumeattachments';

/**
 * The VolumeAttachments of one node. The API cannot select them by node, so the whole list is read page by page, and only after
 * pods with volumes have left.
 * https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
 */
export function volumesOf(client: KubernetesClient, nodeName: string): Volumes {
  return {
    async attachedFor(claims, signal) {
      const attachments: Attachment[] = [];
      for await (const attachment of attachmentsOn(client, nodeName, signal)) {
        const claim = await claimOf(client, attachment.volume, signal);
        if (
          claim !== undefined &&
          claims.some(({ namespace, name }) => namespace === claim.namespace && name === claim.name)
        ) {
          attachments.push(attachment);
        }
      }
      return attachments;
    },
    isAttached: async ({ name }, signal) => (await getOptional(client, ATTACHMENTS_PATH, name, signal)) !== undefined,
  };
}

const AttachmentObject = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({ nodeName: v.string(), source: v.object({ persistentVolumeName: v.optional(v.string()) }) }),
});

async function* attachmentsOn(
  client: KubernetesClient,
  nodeName: string,
  signal: AbortSignal,
): AsyncGenerator<Attachment, void> {
  const read = (object: unknown) => v.parse(AttachmentObject, object);
  for await (const page of listPages(client, ATTACHMENTS_PATH, PAGE_SIZE, read, signal)) {
    for (const { metadata, spec } of page) {
      const volume = spec.source.persistentVolumeName;
      if (spec.nodeName === nodeName && volume !== undefined) yield { name: metadata.name, volume };
    }
  }
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

/** undefined when the object does not exist. */
async function getOptional(
  client: KubernetesClient,
  path: string,
  name: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await client.call({ verb: 'get', path: `${path}/${name}`, signal });
  } catch (error) {
    if (isNotFound(error, name)) return undefined;
    throw asDenied(error);
  }
}
