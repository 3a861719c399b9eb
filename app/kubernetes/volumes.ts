import * as v from 'valibot';
import type { Claim } from '../drain/cluster.ts';
import type { Attachment, Volumes } from '../settle-volumes.ts';
import type { Api } from './api.ts';
import { pages } from './pages.ts';
import { deniedOr, isNotFound, readable } from './status.ts';

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
export function volumesOf(api: Api, nodeName: string): Volumes {
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

async function* attachmentsOn(api: Api, nodeName: string, signal: AbortSignal): AsyncGenerator<Attachment, void> {
  const read = (object: unknown) => v.parse(AttachmentObject, object);
  for await (const page of pages(api, PATH, PAGE, read, signal)) {
    for (const { metadata, spec } of page) {
      const volume = spec.source.persistentVolumeName;
      if (spec.nodeName === nodeName && volume !== undefined) yield { name: metadata.name, volume };
    }
  }
}

async function claimOf(api: Api, volume: string, signal: AbortSignal): Promise<Claim | undefined> {
  const object = await getIfThere(api, '/api/v1/persistentvolumes', volume, signal);
  const read = () => v.parse(VolumeObject, object).spec.claimRef;
  return object === undefined ? undefined : readable(`get volume ${volume}`, read);
}

async function getIfThere(api: Api, path: string, name: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await api.call({ verb: 'get', path: `${path}/${name}`, signal });
  } catch (error) {
    if (isNotFound(error, name)) return undefined;
    throw deniedOr(error);
  }
}
