import type { V1PersistentVolume, V1VolumeAttachment } from '@kubernetes/client-node';
import { ifFound } from './admin.ts';
import type { Afterwards } from './afterwards.ts';
import type { Scenario } from './scenario.ts';

/** A CSI driver that no cluster has: only the suite attaches and detaches. */
const DRIVER = 'test.fargate-node-drainer';

export type Attachment = { readonly exists: () => Promise<boolean>; readonly detach: () => Promise<void> };

/** A PersistentVolume that is bound to a claim of the scenario's namespace. Deleted after the test. */
export class Volume {
  readonly name: string;
  readonly #test: Afterwards;
  readonly #scenario: Scenario;

  private constructor(t: Afterwards, scenario: Scenario, name: string) {
    this.#test = t;
    this.#scenario = scenario;
    this.name = name;
  }

  static async create(t: Afterwards, scenario: Scenario, claim: string): Promise<Volume> {
    const { namespace, cluster } = scenario;
    const name = `${namespace}-${claim}`;
    const volume: V1PersistentVolume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        accessModes: ['ReadWriteMany'],
        capacity: { storage: '1Gi' },
        claimRef: { namespace, name: claim },
        csi: { driver: DRIVER, volumeHandle: name },
      },
    };
    await cluster.admin.objects.create(volume);
    t.after(() => ifFound(cluster.admin.objects.delete(volume)));
    return new Volume(t, scenario, name);
  }

  async attachTo(node: string): Promise<Attachment> {
    const { objects } = this.#scenario.cluster.admin;
    const attachment = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name: `${this.name}-on-${node}` },
      spec: { attacher: DRIVER, nodeName: node, source: { persistentVolumeName: this.name } },
    } satisfies V1VolumeAttachment;
    await objects.create(attachment);
    const detach = async () => {
      await ifFound(objects.delete(attachment));
    };
    this.#test.after(detach);
    return { detach, exists: async () => (await ifFound(objects.read(attachment))) !== undefined };
  }
}
