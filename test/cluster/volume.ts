import type { TestContext } from 'node:test';
import type { V1PersistentVolume, V1VolumeAttachment } from '@kubernetes/client-node';
import { ifFound } from './admin.ts';
import type { Scenario } from './scenario.ts';

/** No driver of any cluster: nobody but the suite attaches and detaches. */
const DRIVER = 'test.fargate-node-drainer';

export type Attachment = { readonly isThere: () => Promise<boolean>; readonly detach: () => Promise<void> };

/** A PersistentVolume that is bound to a claim of the scenario's namespace. It ends with the test. */
export class Volume {
  readonly name: string;
  readonly #test: TestContext;
  readonly #scenario: Scenario;

  private constructor(t: TestContext, scenario: Scenario, name: string) {
    this.#test = t;
    this.#scenario = scenario;
    this.name = name;
  }

  static async of(t: TestContext, scenario: Scenario, claim: string): Promise<Volume> {
    const { namespace, lab } = scenario;
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
    await lab.admin.objects.create(volume);
    t.after(() => ifFound(lab.admin.objects.delete(volume)));
    return new Volume(t, scenario, name);
  }

  async attachTo(node: string): Promise<Attachment> {
    const { objects } = this.#scenario.lab.admin;
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
    return { detach, isThere: async () => (await ifFound(objects.read(attachment))) !== undefined };
  }
}
