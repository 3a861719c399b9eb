import { type FaultEnvironment, nodeOf } from './fault-environment.ts';

const ATTACHMENT = 'fault-volume';

/** Creates a pod on the first node whose volume stays attached until `detachVolume`. */
export async function attachVolume(fixture: FaultEnvironment): Promise<void> {
  const namespace = 'default';
  await fixture.core.createPersistentVolume({
    body: {
      metadata: { name: ATTACHMENT },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        claimRef: { namespace, name: 'data' },
        csi: { driver: 'test.fargate-node-drainer', volumeHandle: ATTACHMENT },
      },
    },
  });
  await fixture.core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name: 'pod-0-data', annotations: { 'lab/shutdown-ms': '500' } },
      spec: {
        nodeName: nodeOf(0),
        containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    },
  });
  await fixture.storage.createVolumeAttachment({
    body: {
      metadata: { name: ATTACHMENT },
      spec: {
        attacher: 'test.fargate-node-drainer',
        nodeName: nodeOf(0),
        source: { persistentVolumeName: ATTACHMENT },
      },
    },
  });
}

export async function detachVolume({ storage }: FaultEnvironment): Promise<void> {
  await storage.deleteVolumeAttachment({ name: ATTACHMENT });
}
