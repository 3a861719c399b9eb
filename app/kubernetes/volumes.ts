import * as v from 'valibot';
import type { Claim } from '../drain/cluster.ts';
import type { Attachment, Volumes } from '../run/volumes.ts';
import type { KubernetesClient } from './client.ts';
import { asDenied, isNotFound, parseResponse } from './errors.ts';
import { pages } from './list-watch.ts';

const PAGE = 500;
const PATH = '/apis/storage.k8s.io/v1/volumeattachments';

const AttachmentObject = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({ nodeName: v.string(), source: v.object({ persistentVolumeName: v.optional(v.string()) }) }),
});
const VolumeObject = v.object({
  spec: v.object({ claimRef: v.optional(v.object({ namespace: v.string(), name: v.string() })) }),
});

/**
 * The VolumeAttachments of one node. The API has no selector for the node, so they are read page by page, and only when
 * pods with volumes have left.
 * https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
 */
export function volumesOf(api: KubernetesClient, nodeName: string): Volumes {
  return {
    async attachedFor(claims, signal) {
      const attachments: Attachment[] = [];
      for await (const { name, volume } of attachmentsOn(api, nodeName, signal)) {
        const claim = await claimOf(api, volume, signal);
        if (
          claim !== undefined &&
          claims.some((ours) => ours.namespace === claim.namespace && ours.name === claim.name)
        ) {
          attachments.push({ name, volume });
        }
      }
      return attachments;
    },
    isAttached: async ({ name }, signal) => (await getIfThere(api, PATH, name, signal)) !== undefined,
  };
}

async function* attachmentsOn(
  api: KubernetesClient,
  nodeName: string,
  signal: AbortSignal,
): AsyncGenerator<Attachment, void> {
  const read = (object: unknown) => v.parse(AttachmentObject, object);
  for await (const page of pages(api, PATH, PAGE, read, signal)) {
    for (const { metadata, spec } of page) {
      const volume = spec.source.persistentVolumeName;
      if (spec.nodeName === nodeName && volume !== undefined) yield { name: metadata.name, volume };
    }
  }
}

async function claimOf(api: KubernetesClient, volume: string, signal: AbortSignal): Promise<Claim | undefined> {
  const object = await getIfThere(api, '/api/v1/persistentvolumes', volume, signal);
  const read = () => v.parse(VolumeObject, object).spec.claimRef;
  return object === undefined ? undefined : parseResponse(`get volume ${volume}`, read);
}

async function getIfThere(api: KubernetesClient, path: string, name: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await api.call({ verb: 'get', path: `${path}/${name}`, signal });
  } catch (error) {
    if (isNotFound(error, name)) return undefined;
    throw asDenied(error);
  }
}
