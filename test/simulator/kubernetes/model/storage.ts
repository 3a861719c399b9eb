import { typed } from './metadata.ts';
import { boolean, object, type Shaped, string } from './shape.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/ */
export const persistentVolume = object(
  {
    ...typed,
    spec: object({}, { claimRef: object({}, { namespace: string, name: string, uid: string }) }),
    status: object({}, { phase: string }),
  },
  {},
);
export const volumeAttachment = object(
  {
    ...typed,
    spec: object({ attacher: string, nodeName: string, source: object({}, { persistentVolumeName: string }) }, {}),
  },
  { status: object({}, { attached: boolean }) },
);

export type PersistentVolume = Shaped<typeof persistentVolume>;
export type VolumeAttachment = Shaped<typeof volumeAttachment>;
